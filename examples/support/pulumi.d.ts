export interface PulumiRun {
  readonly code: number;
  readonly output: string;
  readonly durationMs: number;
}
export interface StackArgs {
  /** Folder with `Pulumi.yaml`. */
  readonly project: string;
  readonly stack: string;
  /** Folder of the run: backend, config and passphrase are kept here. */
  readonly dir: string;
  /** Environment in which `pulumi` and its plugins are found. */
  readonly env: NodeJS.ProcessEnv;
  /** Told each line as it comes. */
  readonly echo: (line: string) => void;
}
export declare class Stack {
  private readonly args;
  private readonly configFile;
  private readonly env;
  private constructor();
  /** Makes the stack anew, or takes the one that is there. */
  static open(args: StackArgs): Promise<Stack>;
  setConfig(values: { readonly [key: string]: string | number | readonly number[] }): Promise<void>;
  /** Sets one key to a whole object or list. */
  setJson(key: string, value: unknown): Promise<void>;
  preview(...more: string[]): Promise<PulumiRun>;
  up(...more: string[]): Promise<PulumiRun>;
  destroy(...more: string[]): Promise<PulumiRun>;
  outputs(): Promise<{
    readonly [name: string]: unknown;
  }>;
  exportState(): Promise<string>;
  /** Runs `pulumi` and gives back what it said, whatever its exit code. */
  run(args: readonly string[], echo?: (line: string) => void): Promise<PulumiRun>;
  private quietly;
  private get stackArgs();
}
