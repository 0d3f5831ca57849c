// What the handler threads of the demo tell main: one message per batch, over a BroadcastChannel.

export interface HandledBatch {
  readonly thread: number;
  readonly shardId: string;
  readonly blocks: readonly HandledBlock[];
}

export interface HandledBlock {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly key: string;
  readonly sequenceNumber: string;
  /** SHA-256 in hexadecimal; null when the block could not be read. */
  readonly hash: string | null;
  /** Why it could not; null when it could. */
  readonly problem: string | null;
}
