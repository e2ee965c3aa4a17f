import { ToolchainError } from "./errors.ts";

/** Operating system and processor in Go's spelling, which the publishers use in their file names. */
export interface Platform {
  readonly os: "linux" | "darwin";
  readonly arch: "amd64" | "arm64";
}

/**
 * The platform we run on.
 *
 * @throws {ToolchainError} `unsupported-platform`: the lab's processes are managed by POSIX means.
 */
export function currentPlatform(os: string = process.platform, cpu: string = process.arch): Platform {
  const arch = cpu === "x64" ? "amd64" : cpu;
  if ((os !== "linux" && os !== "darwin") || (arch !== "amd64" && arch !== "arm64")) {
    throw new ToolchainError(
      "unsupported-platform",
      `This is ${os} on ${cpu}; the lab runs on Linux and macOS, on x64 and arm64. On Windows, use WSL 2.`,
    );
  }
  return { os, arch };
}
