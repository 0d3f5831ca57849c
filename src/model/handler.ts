// What a handler is and what it is given.

import type { Logger } from './logger.ts';
import type { Batch, StreamRecord } from './record.ts';

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
  /** 1 for the first call with this batch; counts on while it, or what failed of it, is tried again. */
  readonly attempt: number;
  readonly logger: Logger;
}

/** What a handler may return when part of its batch failed: these records come again, in order, and the others are done. */
export interface PartlyFailed<T = unknown> {
  readonly failed: readonly StreamRecord<T>[];
}

/**
 * Called with the batches of a shard one after the other. Resolving acks the batch, with `ack: 'manual'` only `batch.ack` does;
 * throwing has it called again, and so does returning {@link PartlyFailed}, with the failed records alone.
 */
export type HandlerFunction<T = unknown> = (batch: Batch<T>, context: HandlerContext) => unknown;

export interface HandlerHooks {
  /** Once per thread, before the first batch. Throwing ends the consumer. */
  readonly setup?: (context: { readonly logger: Logger; readonly thread: number }) => unknown;
  /** Once per thread, after the last batch. */
  readonly teardown?: () => unknown;
  /** Before the first batch of a lease. Throwing has it called again. */
  readonly onShardStart?: (shard: HandlerShard) => unknown;
  /**
   * After the last batch of a finished shard, before its children start. Throwing has it called again. With `ack: 'manual'` the
   * moment to finish what was put off: the children start when all is acked.
   */
  readonly onShardEnd?: (shard: HandlerShard) => unknown;
}

/** What `defineHandler` returns. */
export interface Handler<T = unknown> extends HandlerHooks {
  readonly handle: HandlerFunction<T>;
}
