// Writes records to the stream: several PutRecords in flight, the order of each partition key kept, nothing lost.
//
//   idle ──first put──> running ──close──> closing ──all settled, or deadline──> closed
//                          └──fatal error or abort──> failed <──┘
//
// A lost reply leads to a second write of the same records: at least once, and never out of order.

import type { KinesisApi, PutEntry, PutOutcome } from '../kinesis/api.ts';
import { ShardpoolError } from '../model/errors.ts';
import { type BackoffLimits, backoffDelayMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { type Deferred, deferred } from '../platform/deferred.ts';
import { delay, type Timer, type Timers } from '../platform/timers.ts';
import { Fifo } from './fifo.ts';
import { createFlushGroups } from './flush-groups.ts';
import { createPutLimiter } from './put-limiter.ts';
import { sortOutcomes } from './put-outcomes.ts';
import { checkRecord, type PutRecord } from './put-record.ts';
import { type Acknowledgement, createRecordQueue, type QueuedRecord, UNKNOWN_SHARD } from './record-queue.ts';
import { createShardMapSource } from './shard-map-source.ts';

export interface RecordWriterOptions {
  readonly api: Pick<KinesisApi, 'putRecords' | 'listShards'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random?: () => number;
  /** Default 1000, the limit of AWS. */
  readonly recordsPerSecondPerShard?: number;
  /** Default 1 MiB, the limit of AWS. */
  readonly bytesPerSecondPerShard?: number;
  /** PutRecords requests in flight, default 4. */
  readonly maxInFlight?: number;
  /** Accepted and not acknowledged, default 10 000; more puts wait. */
  readonly maxQueueRecords?: number;
  /** The same in bytes, default 64 MiB; a single larger record passes alone. */
  readonly maxQueueBytes?: number;
  /** Data and partition key of one record, default 1 MiB; more where the stream's maximum was raised. */
  readonly maxRecordBytes?: number;
  /** Gives up at once when aborted: everything waiting is rejected with ERR_STOPPED. */
  readonly signal?: AbortSignal | undefined;
}

export interface CloseReport {
  /** What was not acknowledged, in the order of acceptance; what was in flight may have been written all the same. */
  readonly unsent: readonly PutEntry[];
  /** Records that Kinesis refused for good, over the life of the writer. */
  readonly failed: number;
  /** What ended the writer before its close; null where nothing did. */
  readonly error: Error | null;
}

export interface RecordWriterStats {
  /** Accepted and not acknowledged yet. */
  readonly queued: number;
  readonly queuedBytes: number;
  /** Puts that wait for room. */
  readonly waiting: number;
  readonly requestsInFlight: number;
  readonly requests: number;
  readonly acknowledged: number;
  readonly failed: number;
  /** Entries that failed for now, throttled ones among them. */
  readonly retried: number;
  readonly throttled: number;
  readonly failedRequests: number;
}

export interface RecordWriter {
  /**
   * Resolves when the record is accepted into the queue. Rejects with ERR_INVALID_OPTION (key or size), with
   * ERR_INVALID_STATE after close, and with the fatal error that ended the writer.
   */
  put(record: PutRecord): Promise<void>;
  /** Resolves when Kinesis acknowledged the record. */
  putAcknowledged(record: PutRecord): Promise<Acknowledgement>;
  /** Resolves when everything put before it is acknowledged; rejects with the first failure since the last flush. */
  flush(): Promise<void>;
  /** Sends what is left until the deadline, then gives up. Never rejects; later calls get the first report. */
  close(options: { readonly deadlineMs: number }): Promise<CloseReport>;
  stats(): RecordWriterStats;
}

type WriterState = 'idle' | 'running' | 'closing' | 'closed' | 'failed';

/** The limits of AWS for one PutRecords. */
const REQUEST_LIMITS = { maxRecords: 500, maxBytes: 5 * 2 ** 20 };
/** For one entry, and for one throttled shard. */
const ENTRY_BACKOFF: BackoffLimits = { minDelayMs: 50, maxDelayMs: 5_000 };
/** For whole requests: the endpoint or the network is in trouble. */
const REQUEST_BACKOFF: BackoffLimits = { minDelayMs: 100, maxDelayMs: 10_000 };
/** Waking for every single token would send requests of one record. */
const MIN_LIMIT_WAIT_MS = 20;

export function createRecordWriter(options: RecordWriterOptions): RecordWriter {
  const { api, clock, timers, random = Math.random, signal } = options;
  const { maxInFlight = 4, maxQueueRecords = 10_000, maxQueueBytes = 64 * 2 ** 20 } = options;
  const { maxRecordBytes = 2 ** 20 } = options;

  let state: WriterState = 'idle';
  let failure: Error | null = null;
  let closing: Promise<CloseReport> | null = null;
  let unsent: readonly PutEntry[] = [];
  let accepted = 0;
  let requestsInFlight = 0;
  let failuresInARow = 0;
  let pausedUntil = 0;
  let pumpTimer: { readonly timer: Timer; readonly at: number } | null = null;
  const counts = { requests: 0, acknowledged: 0, failed: 0, retried: 0, throttled: 0, failedRequests: 0 };

  const queue = createRecordQueue();
  const waiting = new Fifo<{ readonly record: QueuedRecord; readonly room: Deferred<void> }>();
  const groups = createFlushGroups();
  const limiter = createPutLimiter({
    clock,
    random,
    recordsPerSecond: options.recordsPerSecondPerShard ?? 1_000,
    bytesPerSecond: options.bytesPerSecondPerShard ?? 2 ** 20,
    backoff: ENTRY_BACKOFF,
  });
  const retryTimers = new Set<Timer>();
  const ended = new AbortController();
  const shards = createShardMapSource({
    api,
    clock,
    timers,
    random,
    signal: ended.signal,
    onMap(map) {
      limiter.retain(map.shardIds);
      queue.remap(map);
      schedulePump(0);
    },
    onFatal: fail,
  });

  const isSending = (): boolean => state === 'running' || state === 'closing';

  function schedulePump(afterMs: number): void {
    if (!isSending() || afterMs === Number.POSITIVE_INFINITY) return;
    const at = clock.monotonic() + afterMs;
    if (pumpTimer !== null) {
      if (pumpTimer.at <= at) return;
      timers.clearTimeout(pumpTimer.timer);
    }
    pumpTimer = { at, timer: timers.setTimeout(onPumpTimer, afterMs) };
  }

  function onPumpTimer(): void {
    pumpTimer = null;
    pump();
  }

  function pump(): void {
    if (!isSending() || !shards.isLoaded()) return;
    const pauseMs = pausedUntil - clock.monotonic();
    if (pauseMs > 0) {
      schedulePump(pauseMs);
      return;
    }
    while (requestsInFlight < maxInFlight) {
      const { records, waitMs } = queue.takeRequest(REQUEST_LIMITS, limiter);
      if (records.length === 0) {
        schedulePump(Math.max(waitMs, MIN_LIMIT_WAIT_MS));
        return;
      }
      void send(records);
    }
  }

  /** Never rejects. */
  async function send(records: readonly QueuedRecord[]): Promise<void> {
    requestsInFlight += 1;
    counts.requests += 1;
    try {
      const outcomes = await api.putRecords(
        records.map((record) => record.entry),
        { signal: ended.signal },
      );
      if (isSending()) applyOutcomes(records, outcomes);
    } catch (error) {
      if (isSending()) requestFailed(records, error);
    } finally {
      requestsInFlight -= 1;
    }
    pump();
  }

  function applyOutcomes(records: readonly QueuedRecord[], outcomes: readonly PutOutcome[]): void {
    const { acknowledged, throttled, transient, refused } = sortOutcomes(records, outcomes);
    failuresInARow = 0;
    const misrouted = acknowledged.some(({ record, by }) => by.shardId !== queue.predict(record));

    const slow = new Set(throttled.map((record) => record.shardId));
    const served = new Set(acknowledged.map(({ record }) => record.shardId));
    for (const shardId of served) if (!slow.has(shardId)) limiter.succeeded(shardId);
    for (const shardId of slow) limiter.throttled(shardId);

    counts.throttled += throttled.length;
    counts.retried += throttled.length + transient.length;
    counts.acknowledged += acknowledged.length;
    counts.failed += refused.length;
    for (const { record, by } of acknowledged) {
      settle(record, null);
      record.acknowledged?.resolve(by);
    }
    for (const { record, error } of refused) {
      settle(record, error);
      record.acknowledged?.reject(error);
    }
    // Their shard waits as a whole, so they can go back at once.
    for (const record of throttled) queue.retry(record);
    const byFailures = new Map<number, QueuedRecord[]>();
    for (const record of transient) {
      record.failures += 1;
      const peers = byFailures.get(record.failures);
      if (peers === undefined) byFailures.set(record.failures, [record]);
      else peers.push(record);
    }
    for (const [failures, peers] of byFailures) {
      retryAfter(backoffDelayMs(failures, ENTRY_BACKOFF, random), peers);
    }
    if (misrouted) shards.refresh();
    admit();
  }

  function requestFailed(records: readonly QueuedRecord[], error: unknown): void {
    if (!(error instanceof ShardpoolError && error.retryable)) {
      fail(error instanceof Error ? error : new ShardpoolError('ERR_PUT_FAILED', String(error)));
      return;
    }
    counts.failedRequests += 1;
    // Requests that were in flight together fail together: that is one failure, not several in a row.
    const now = clock.monotonic();
    if (now >= pausedUntil) {
      failuresInARow += 1;
      pausedUntil = now + backoffDelayMs(failuresInARow, REQUEST_BACKOFF, random);
    }
    for (const record of records) queue.retry(record);
  }

  function retryAfter(ms: number, records: readonly QueuedRecord[]): void {
    const timer = timers.setTimeout(() => {
      retryTimers.delete(timer);
      for (const record of records) queue.retry(record);
      pump();
    }, ms);
    retryTimers.add(timer);
  }

  function settle(record: QueuedRecord, error: Error | null): void {
    queue.settle(record);
    groups.settle(record.group, error);
  }

  const hasRoomFor = (record: QueuedRecord): boolean =>
    queue.size === 0 || (queue.size < maxQueueRecords && queue.bytes + record.bytes <= maxQueueBytes);

  /** Lets waiting puts in, in their order. */
  function admit(): void {
    for (let head = waiting.peek(); head !== undefined && hasRoomFor(head.record); head = waiting.peek()) {
      waiting.shift();
      queue.add(head.record);
      head.room.resolve();
    }
  }

  async function accept(record: PutRecord, acknowledged: Deferred<Acknowledgement> | null): Promise<void> {
    const checked = checkRecord(record, maxRecordBytes);
    if (failure !== null) throw failure;
    if (state === 'closing' || state === 'closed') {
      throw new ShardpoolError('ERR_INVALID_STATE', 'The writer is closed');
    }
    if (state === 'idle') {
      state = 'running';
      shards.load();
    }
    accepted += 1;
    const queued: QueuedRecord = {
      entry: checked.entry,
      bytes: checked.bytes,
      hashKey: checked.hashKey,
      number: accepted,
      group: groups.join(),
      acknowledged,
      failures: 0,
      shardId: UNKNOWN_SHARD,
    };
    if (waiting.size === 0 && hasRoomFor(queued)) {
      queue.add(queued);
      // Not at once: puts of the same turn of the event loop share a request.
      schedulePump(0);
      return;
    }
    const room = deferred();
    waiting.push({ record: queued, room });
    await room.promise;
  }

  function fail(error: Error): void {
    if (state === 'closed' || state === 'failed') return;
    failure = error;
    end('failed', error);
  }

  /** Stops everything and rejects what is left. */
  function end(final: 'closed' | 'failed', error: Error): void {
    state = final;
    ended.abort();
    signal?.removeEventListener('abort', onAbort);
    for (const timer of retryTimers) timers.clearTimeout(timer);
    retryTimers.clear();
    if (pumpTimer !== null) timers.clearTimeout(pumpTimer.timer);
    pumpTimer = null;
    const left = queue.drain();
    for (const record of left) {
      record.acknowledged?.reject(error);
      groups.settle(record.group, error);
    }
    const turnedAway: QueuedRecord[] = [];
    for (let head = waiting.shift(); head !== undefined; head = waiting.shift()) {
      turnedAway.push(head.record);
      groups.settle(head.record.group, error);
      head.room.reject(error);
    }
    unsent = [...left, ...turnedAway].map((record) => record.entry);
  }

  function onAbort(): void {
    fail(new ShardpoolError('ERR_STOPPED', 'The writer was aborted', { cause: signal?.reason }));
  }

  async function drainAndEnd(deadlineMs: number): Promise<CloseReport> {
    if (isSending()) {
      state = 'closing';
      const drained = new AbortController();
      const settled = groups.flush().then(
        () => drained.abort(),
        () => drained.abort(),
      );
      await Promise.race([settled, delay(timers, deadlineMs, drained.signal)]);
    }
    if (state !== 'failed') {
      end(
        'closed',
        new ShardpoolError('ERR_PUT_FAILED', 'The writer was closed before the record was acknowledged'),
      );
    }
    return { unsent, failed: counts.failed, error: failure };
  }

  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });

  return {
    put: (record) => accept(record, null),
    async putAcknowledged(record) {
      const acknowledged = deferred<Acknowledgement>();
      await accept(record, acknowledged);
      return acknowledged.promise;
    },
    async flush() {
      if (failure !== null) throw failure;
      await groups.flush();
    },
    close({ deadlineMs }) {
      closing ??= drainAndEnd(deadlineMs);
      return closing;
    },
    stats: () => ({
      ...counts,
      queued: queue.size,
      queuedBytes: queue.bytes,
      waiting: waiting.size,
      requestsInFlight,
    }),
  };
}
