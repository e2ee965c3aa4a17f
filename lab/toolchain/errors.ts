/** Why a program could not be had; each has its own way out, named in the message. */
export type ToolchainErrorCode =
  | "go-missing"
  | "go-too-old"
  | "no-disk"
  | "no-network"
  | "build-failed"
  | "aborted"
  | "unsupported-platform";

/** A program the project needs could not be had. The message says what was looked for and what to install. */
export class ToolchainError extends Error {
  override readonly name = "ToolchainError";
  readonly code: ToolchainErrorCode;

  constructor(code: ToolchainErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
