// What a handler is and what it is given.

import type { Logger } from './logger.ts';
import type { Batch } from './record.ts';

/** The shard a handler is called for. */
export interface HandlerShard {
  readonly shardId: string;
  readonly stream: string;
  /** The fencing token of the lease. */
  readonly token: number;
}

export interface HandlerContext {
  /** Aborted when the lease is lost or a stop is forced: what is done after that may be done twice. */
  readonly signal: AbortSignal;
  readonly shard: HandlerShard;
  /** How far the shard is behind, in ms; null when unknown. */
  readonly lagMs: number | null;
  /** 1 for the first call with this batch. */
  readonly attempt: number;
  readonly logger: Logger;
}

/** Called with the batches of a shard one after the other. Resolving acks the batch; throwing has it called again. */
export type HandlerFunction<T = unknown> = (batch: Batch<T>, context: HandlerContext) => unknown;

export interface HandlerHooks {
  /** Once per thread, before the first batch. Throwing ends the consumer. */
  readonly setup?: (context: { readonly logger: Logger; readonly thread: number }) => unknown;
  /** Once per thread, after the last batch. */
  readonly teardown?: () => unknown;
  /** Before the first batch of a lease. Throwing has it called again. */
  readonly onShardStart?: (shard: HandlerShard) => unknown;
  /** After the last batch of a finished shard, before its children start. Throwing has it called again. */
  readonly onShardEnd?: (shard: HandlerShard) => unknown;
}

/** What `defineHandler` returns. */
export interface Handler<T = unknown> extends HandlerHooks {
  readonly handle: HandlerFunction<T>;
}
