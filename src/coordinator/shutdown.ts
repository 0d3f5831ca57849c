// The end of a coordinator, step by step: drain, abort what is late, write and give back, end the threads.

import type { KinesisApi } from '../kinesis/api.ts';
import type { Position } from '../model/position.ts';
import type { Clock } from '../platform/clock.ts';
import { settledWithin, type Timers } from '../platform/timers.ts';
import type { Assignments } from './assignments.ts';
import type { Draining } from './draining.ts';
import type { Leasing } from './leasing.ts';
import type { FetchPool } from './pool.ts';
import type { Receivers } from './receivers.ts';

export interface ShutDownParts {
  readonly drainMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly pool: FetchPool;
  readonly leasing: Pick<Leasing, 'drain' | 'rested' | 'leave'>;
  readonly assignments: Pick<Assignments, 'drain'>;
  readonly fetchersDrained: Draining;
  readonly receiversDrained: Draining;
  /** The coordinator's own loops, which were told to end. */
  readonly loopsEnded: Promise<unknown>;
  readonly receivers: Pick<Receivers, 'ready' | 'broadcast'>;
  readonly api: Pick<KinesisApi, 'close'>;
}

export interface ShutDownOutcome {
  /** Handler calls that had not ended at the deadline. */
  readonly late: number;
  /** Where each lease that was held stands. */
  readonly positions: readonly (readonly [shardId: string, position: Position])[];
}

/** Fetch threads only drop what they hold: one that does not answer is hung, and is ended. */
const FETCHERS_DRAIN_MS = 1_000;
const ABORT_MS = 1_000;
const THREAD_END_MS = 300;

export async function shutDown(parts: ShutDownParts): Promise<ShutDownOutcome> {
  const { drainMs, clock, timers, pool, receivers, leasing } = parts;
  const { fetchersDrained, receiversDrained } = parts;
  const deadline = clock.monotonic() + drainMs;

  leasing.drain();
  parts.assignments.drain();
  fetchersDrained.expect(pool.all);
  pool.broadcast({ type: 'drain' });
  if (!(await settledWithin(timers, fetchersDrained.done, Math.min(FETCHERS_DRAIN_MS, drainMs / 2)))) {
    // Hung: the receivers must not wait for what it might still send.
    for (const host of fetchersDrained.missing) pool.kill(host);
  }

  receiversDrained.expect(receivers.ready);
  receivers.broadcast({ type: 'drain' });
  if (!(await settledWithin(timers, receiversDrained.done, Math.max(0, deadline - clock.monotonic())))) {
    receivers.broadcast({ type: 'abort' });
    await settledWithin(timers, receiversDrained.done, ABORT_MS);
  }

  await Promise.all([parts.loopsEnded, leasing.rested]);
  const positions = await leasing.leave();
  pool.broadcast({ type: 'end' });
  await pool.destroy(THREAD_END_MS);
  receivers.broadcast({ type: 'end' });
  parts.api.close();
  return { late: receiversDrained.late, positions };
}
