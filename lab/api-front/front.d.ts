export interface FrontOptions {
  /** On 127.0.0.1; 0 for a free one. */
  readonly port: number;
  readonly members: readonly FrontMember[];
  /** By which members are asked; they answer nobody whom they don't know. PEM. */
  readonly identity: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  };
  readonly checkEveryMs?: number;
  readonly log: (line: string) => void;
}
export interface FrontMember {
  readonly id: string;
  readonly address: string;
  readonly port: number;
}
export interface FrontMemberState {
  readonly id: string;
  readonly ready: boolean;
  /** Why not, in its own words or those of the connection. */
  readonly reason?: string;
  /** ISO 8601: since when it is so. */
  readonly since: string;
  /** That stand now. */
  readonly connections: number;
}
export declare class Front {
  #private;
  private constructor();
  /** @throws {Error} if the port can't be bound. */
  static start(options: FrontOptions): Promise<Front>;
  get port(): number;
  get state(): readonly FrontMemberState[];
  close(): Promise<void>;
}
