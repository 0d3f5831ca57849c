// GetShardIterator and GetRecords of one shard, scripted: pages in order, errors in between, calls in virtual time.

import type { KinesisApi, Page } from '../../src/kinesis/api.ts';
import { KinesisError, type KinesisErrorKind } from '../../src/kinesis/errors.ts';
import type { Position } from '../../src/model/position.ts';
import type { ChildShard } from '../../src/model/shard.ts';
import { delay } from '../../src/platform/timers.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface PageScript {
  /** Sequence numbers; the data of each is its number. */
  readonly records?: readonly number[];
  readonly bytesEach?: number;
  readonly lagMs?: number;
  /** The end of the shard. */
  readonly last?: boolean;
  readonly children?: readonly ChildShard[];
}

export type Reply = PageScript | { readonly fails: KinesisErrorKind | Error } | { readonly hangs: true };

export interface ShardApi extends Pick<KinesisApi, 'getShardIterator' | 'getRecords'> {
  /** The next replies of GetRecords; when they are used up, empty pages. */
  pages(...replies: Reply[]): void;
  /** Every further call of GetRecords goes like this. */
  always(reply: Reply | null): void;
  /** The next calls of GetShardIterator fail like this. */
  failIterators(...fails: KinesisErrorKind[]): void;
  /** How long each call takes. */
  latencyMs: number;
  /** When GetRecords was called, in virtual ms. */
  readonly reads: readonly number[];
  readonly iterators: readonly { readonly at: number; readonly position: Position }[];
  /** Calls whose signal was aborted. */
  readonly aborted: number;
}

export function createShardApi(time: VirtualTime): ShardApi {
  const script: Reply[] = [];
  const iteratorFailures: KinesisErrorKind[] = [];
  const reads: number[] = [];
  const iterators: { at: number; position: Position }[] = [];
  let standing: Reply | null = null;
  let aborted = 0;
  let made = 0;

  const errorOf = (fails: KinesisErrorKind | Error): Error =>
    typeof fails === 'string' ? new KinesisError(fails, `scripted: ${fails}`) : fails;

  const latency = async (ms: number, signal: AbortSignal | undefined) => {
    if (ms > 0) await delay(time.timers, ms, signal);
    if (signal?.aborted === true) {
      aborted += 1;
      throw new KinesisError('aborted', 'the call was aborted');
    }
  };

  const api: ShardApi = {
    latencyMs: 0,
    reads,
    iterators,
    get aborted() {
      return aborted;
    },
    pages: (...replies) => void script.push(...replies),
    always(reply) {
      standing = reply;
    },
    failIterators: (...fails) => void iteratorFailures.push(...fails),
    async getShardIterator(_shardId, position, options) {
      iterators.push({ at: time.clock.monotonic(), position });
      await latency(api.latencyMs, options?.signal);
      const fails = iteratorFailures.shift();
      if (fails !== undefined) throw errorOf(fails);
      made += 1;
      return `iterator ${made}`;
    },
    async getRecords(_iterator, _limit, options) {
      reads.push(time.clock.monotonic());
      if (reads.length > 100_000) throw new Error('a tight loop');
      const reply = script.shift() ?? standing ?? {};
      if ('hangs' in reply) {
        await new Promise<void>((resolve) => {
          options!.signal!.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      await latency(api.latencyMs, options?.signal);
      if ('fails' in reply) throw errorOf(reply.fails);
      made += 1;
      return pageOf(reply as PageScript, `iterator ${made}`);
    },
  };
  return api;
}

export function pageOf(script: PageScript, nextIterator: string): Page {
  const { records = [], bytesEach = null, lagMs = 0, last = false, children = [] } = script;
  const data = records.map((n) => (bytesEach === null ? Buffer.from(String(n)) : Buffer.alloc(bytesEach)));
  const offsets = new Uint32Array(records.length + 1);
  data.forEach((each, i) => {
    offsets[i + 1] = offsets[i]! + each.length;
  });
  return {
    count: records.length,
    slab: new Uint8Array(Buffer.concat(data)),
    offsets,
    partitionKeys: records.map(String),
    sequenceNumbers: records.map(String),
    arrivalTimes: Float64Array.from(records),
    nextIterator: last ? null : nextIterator,
    lagMs,
    children,
  };
}
