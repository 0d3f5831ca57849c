// Whoever reads and handles in one process of the simulation: per lease one batch after the other, behind the fence.

import type { Lease } from '../../src/coordinator/lease-table.ts';
import type { Leasing, Reading } from '../../src/coordinator/leasing.ts';
import { SHARD_END } from '../../src/model/position.ts';
import type { Fence } from '../../src/platform/fence.ts';
import { type Random, integerFrom } from '../fakes/random.ts';
import type { Process } from './machine.ts';
import type { SimShard, Stream } from './stream.ts';

/** What a reader may leave undone, to see that the simulation notices. */
export type ReaderMutation =
  | 'reader-no-fence'
  | 'reader-early-end'
  | 'reader-early-ack'
  | 'reader-early-drained';

export interface ReaderParts {
  readonly mutations: ReadonlySet<ReaderMutation>;
  readonly stream: Stream;
  readonly random: Random;
  readonly process: Process;
  readonly fence: Fence;
  readonly leasing: () => Pick<Leasing, 'acked' | 'drained'>;
  /** How long the handler works on a batch. */
  readonly handlingMs: () => number;
  readonly onBegin: (lease: Lease) => void;
  readonly onDeliver: (lease: Lease, from: number, to: number) => void;
  readonly onHandled: (lease: Lease, from: number, to: number) => void;
  /** The shard came to its end here. */
  readonly onDone: (lease: Lease) => void;
  readonly tell: (what: () => string) => void;
}

export interface Reader extends Reading {
  /** Fetches nothing more; resolves when nothing is in hand. */
  stop(): Promise<void>;
  hasInHand(shardId: string, token: number): boolean;
  /** What is in hand counts no more. */
  abortAll(): void;
}

interface Run {
  readonly lease: Lease;
  readonly shard: SimShard;
  /** So many records are delivered. */
  at: number;
  inHand: boolean;
  draining: boolean;
  over: boolean;
}

/** A message between two threads; one as long as the other, so that none overtakes another. */
const HOP_MS = 1;
const POLL_MS = 200;
const BATCH = 3;

export function createReader(parts: ReaderParts): Reader {
  const { stream, random, process, fence, mutations, tell } = parts;
  const runs = new Map<string, Run>();
  let stopping: (() => void) | null = null;

  const hop = (fn: () => void) => process.io(HOP_MS, fn);
  const runOf = ({ shardId, token }: Lease): Run | null => {
    const run = runs.get(shardId);
    return run?.lease.token === token ? run : null;
  };

  const settle = () => {
    if (stopping !== null && ![...runs.values()].some(({ inHand }) => inHand)) stopping();
  };

  const end = (lease: Lease, why: string) => {
    tell(() => `${why} ${lease.shardId} (token ${lease.token})`);
    const run = runOf(lease);
    if (run === null) return;
    run.over = true;
    runs.delete(lease.shardId);
    settle();
  };

  const next = (run: Run): void => {
    const { lease, shard } = run;
    const { shardId, token } = lease;
    if (run.over || run.inHand) return;
    if (run.draining) {
      if (stopping === null) hop(() => parts.leasing().drained(shardId, token));
      return;
    }
    // Kinesis has nothing of it any more.
    const isGone = shard.goneAt !== Infinity && run.at === 0;
    const available = isGone ? 0 : shard.positions.length - run.at;
    if (available === 0) {
      if (shard.closedAt !== Infinity) hop(() => acknowledge(run, shard.positions.length, true));
      else shard.waiters.push(() => process.io(random() * POLL_MS, () => next(run)));
      return;
    }
    // On the spot, with nothing between this look and the call of the handler.
    if (!mutations.has('reader-no-fence') && !fence.isValid(lease.generation)) return;
    const from = run.at;
    const to = from + integerFrom(random, 1, Math.min(BATCH, available));
    parts.onDeliver(lease, from, to);
    run.at = to;
    run.inHand = true;
    const isLast = shard.closedAt !== Infinity && to === shard.positions.length;
    if (mutations.has('reader-early-end') && isLast) hop(() => acknowledge(run, to, true));
    if (mutations.has('reader-early-ack')) hop(() => acknowledge(run, to, false));
    const done = () => {
      parts.onHandled(lease, from, to);
      run.inHand = false;
      hop(() => acknowledge(run, to, false));
      settle();
      next(run);
    };
    process.timers.setTimeout(done, parts.handlingMs());
  };

  const acknowledge = ({ over, lease, shard }: Run, to: number, isEnd: boolean) => {
    if (over || !fence.isValid(lease.generation)) return;
    parts.leasing().acked(lease.shardId, lease.token, isEnd ? SHARD_END : shard.positions[to - 1]!);
  };

  return {
    begin(lease) {
      tell(() => `begins ${lease.shardId} (token ${lease.token}) behind ${lease.from}`);
      parts.onBegin(lease);
      const shard = stream.shards.get(lease.shardId)!;
      const at = stream.countUpTo(shard, lease.from);
      const run: Run = { lease, shard, at, inHand: false, draining: stopping !== null, over: false };
      const before = runs.get(lease.shardId);
      if (before !== undefined) before.over = true;
      runs.set(lease.shardId, run);
      hop(() => next(run));
    },
    drain(lease) {
      tell(() => `drains ${lease.shardId} (token ${lease.token})`);
      const run = runOf(lease);
      if (run === null) return;
      run.draining = true;
      if (!run.inHand || mutations.has('reader-early-drained'))
        hop(() => parts.leasing().drained(lease.shardId, lease.token));
    },
    resume(lease) {
      tell(() => `resumes ${lease.shardId} (token ${lease.token})`);
      const run = runOf(lease);
      if (run === null) return;
      run.draining = false;
      if (!run.inHand) hop(() => next(run));
    },
    abort: (lease) => end(lease, 'aborts'),
    handedOff: (lease) => end(lease, 'handed off'),
    done(lease) {
      end(lease, 'done with');
      parts.onDone(lease);
    },
    lost: (lease, cause) => end(lease, `lost (${cause})`),
    stop() {
      for (const run of runs.values()) run.draining = true;
      return new Promise((resolve) => {
        stopping = resolve;
        settle();
      });
    },
    hasInHand(shardId, token) {
      const run = runs.get(shardId);
      return run?.lease.token === token && run.inHand;
    },
    abortAll() {
      for (const run of runs.values()) run.over = true;
      runs.clear();
      settle();
    },
  };
}
