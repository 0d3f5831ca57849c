// What becomes of threads: those that hang are ended, dead fetch threads are replaced, and what they held goes on elsewhere.

import { encodeError, ShardpoolError } from '../model/errors.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import type { BudgetKeeper } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import { hangWatch } from '../platform/hang-watch.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { CoordinatorConfig, HostId, ShardIndex, ThreadEvent } from '../protocol.ts';
import type { Assignments } from './assignments.ts';
import type { Draining } from './draining.ts';
import type { FetchPool, HostDeath } from './pool.ts';
import type { Receivers } from './receivers.ts';
import type { StatusBoard } from './status-board.ts';

/** What can be seen of a thread without asking it. */
export interface ThreadsView {
  /** Moves as long as the fetch thread does. */
  hostCounter(host: HostId): number;
  hostHas(host: HostId, shard: ShardIndex): boolean;
  /** What a dead fetch thread had in hand. */
  takeHostHands(host: HostId): readonly ShardIndex[];
  takeReceiverHands(receiver: number): readonly ShardIndex[];
}

export interface SupervisionParts {
  readonly config: Pick<CoordinatorConfig, 'threadHangMs'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  /** Aborted when a stop begins: nothing is replaced any more. */
  readonly stopping: AbortSignal;
  readonly threads: ThreadsView;
  readonly budget: Pick<BudgetKeeper, 'dropClaim' | 'repayThread'>;
  readonly pool: () => Pick<FetchPool, 'broadcast' | 'running' | 'kill' | 'replace' | 'forget'>;
  readonly receivers: () => Pick<Receivers, 'hostGone'>;
  readonly assignments: () => Pick<Assignments, 'hostDied' | 'receiverDied' | 'threadReady'>;
  readonly board: Pick<StatusBoard, 'gone'>;
  readonly fetchersDrained: Pick<Draining, 'gone'>;
  readonly receiversDrained: Pick<Draining, 'gone'>;
  readonly onReceiverGone: (receiver: number, shards: readonly string[]) => void;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (message: string, error: unknown) => void;
  readonly onFatal: (error: unknown) => void;
}

export interface Supervision {
  /** Every `LOOK_INTERVAL_MS`: pings the fetch threads, and ends those that have not moved for as long as they may. */
  look(): void;
  hostDied(death: HostDeath): void;
  /** Nothing of a dead fetch thread is under way any more. */
  hostSettled(host: HostId): void;
  receiverDied(receiver: number): void;
}

export const LOOK_INTERVAL_MS = 1_000;
const MAX_FAILED_STARTS = 5;
/** In the window; those beyond are replaced after a pause. */
const MANY_DEATHS = 20;
const REPLACE_BACKOFF = { minDelayMs: 100, maxDelayMs: 5_000 };
const DEATH_WINDOW_MS = 10_000;

export function createSupervision(parts: SupervisionParts): Supervision {
  const { config, clock, timers, threads, budget, stopping, emit } = parts;
  const hangs = hangWatch(Math.ceil(config.threadHangMs / LOOK_INTERVAL_MS));
  let deaths: readonly number[] = [];
  /** In a row. */
  let failedStarts = 0;

  /** At once, unless threads keep dying: then starting more of them as fast as possible helps nobody. */
  const replace = async () => {
    const now = clock.monotonic();
    deaths = [...deaths.filter((at) => now - at < DEATH_WINDOW_MS), now];
    const many = deaths.length - MANY_DEATHS;
    if (many > 0) await delay(timers, backoffDelayMs(many, REPLACE_BACKOFF, parts.random), stopping);
    if (!stopping.aborted) parts.pool().replace();
  };

  return {
    look() {
      const pool = parts.pool();
      pool.broadcast({ type: 'ping', id: 0 });
      // One that is starting has not begun to count.
      const counters = pool.running.map((host) => [host, threads.hostCounter(host)] as const);
      for (const host of hangs.look(counters)) {
        parts.log(`Fetch thread ${host} has not moved for ${config.threadHangMs} ms and is ended`, null);
        pool.kill(host);
      }
    },
    hostDied({ host, role, wasReady, wasTold, error }) {
      const assignments = parts.assignments();
      parts.board.gone(host);
      parts.fetchersDrained.gone(host);
      budget.dropClaim(host);
      const shards = assignments.hostDied(host, threads.takeHostHands(host));
      parts.receivers().hostGone(host);
      if (wasTold) return;
      emit({ name: 'thread:died', kind: 'fetch', thread: host, error: encodeError(error), shards });
      if (stopping.aborted) return;
      failedStarts = wasReady ? 0 : failedStarts + 1;
      if (failedStarts > MAX_FAILED_STARTS) {
        parts.onFatal(
          new ShardpoolError('ERR_THREAD_DIED', 'The fetch threads cannot start', { cause: error }),
        );
        return;
      }
      if (role === 'shared') void replace();
      assignments.threadReady();
    },
    hostSettled(host) {
      // Not before: one that was killed may run on for a moment, until its ports close.
      budget.repayThread(host);
      threads.takeHostHands(host);
      parts.pool().forget(host);
    },
    receiverDied(receiver) {
      parts.receiversDrained.gone(receiver);
      if (stopping.aborted) return;
      const shards = parts.assignments().receiverDied(receiver, threads.takeReceiverHands(receiver));
      parts.onReceiverGone(receiver, shards);
    },
  };
}
