// The owner's side of a hand-off: a shard that is marked for another session is drained, then given back in one write.
//
// A live owner is never robbed: it gives in its own time, at the latest when its deadline has passed. A mark that is taken
// back, or whose taker is gone, lets it read on.

import type { SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type { Lease, LeaseTable } from './lease-table.ts';

export interface HandOffsParts {
  readonly timers: Timers;
  readonly drainDeadlineMs: number;
  readonly leases: Pick<LeaseTable, 'held' | 'handOff' | 'keep' | 'giveBack'>;
  /** Fetch nothing more, finish what is in hand, and say `drained`. */
  readonly drain: (lease: Lease) => void;
  /** The deadline has passed: what is in hand counts no more. */
  readonly abort: (lease: Lease) => void;
  /** It stays here: read on behind what is acked. */
  readonly resume: (lease: Lease) => void;
  readonly onError: (error: unknown) => void;
}

export interface HandOffs {
  /** With shard rows and sessions as they were just read. */
  look(rows: readonly ShardRow[], sessions: readonly SessionRow[], me: SessionId): void;
  /** Nothing of it is in hand any more. */
  drained(shardId: string, token: number): void;
  /** A stop began: all leases are given back by it. */
  close(): void;
}

export function createHandOffs(parts: HandOffsParts): HandOffs {
  const { timers, leases } = parts;
  /** By the shards that are being drained. */
  const deadlines = new Map<string, { readonly token: number; readonly timer: Timer }>();

  const over = (shardId: string) => {
    const deadline = deadlines.get(shardId);
    if (deadline !== undefined) timers.clearTimeout(deadline.timer);
    deadlines.delete(shardId);
  };

  const giveBack = (shardId: string, token: number) => {
    over(shardId);
    leases.giveBack(shardId, token).catch(parts.onError);
  };

  return {
    look(rows, sessions, me) {
      const live = new Set(sessions.filter(({ state }) => state === 'live').map(({ session }) => session));
      for (const { shardId, owner, token, handOffTo } of rows) {
        const lease = leases.held.get(shardId);
        // A row that was read before the take says nothing about this lease.
        if (lease === undefined || owner !== me || token !== lease.token) continue;
        const isWanted = handOffTo !== null && handOffTo !== me && live.has(handOffTo);
        if (isWanted && leases.handOff(shardId) !== null) {
          const timer = timers.setTimeout(() => {
            parts.abort(lease);
            giveBack(shardId, token);
          }, parts.drainDeadlineMs);
          deadlines.set(shardId, { token, timer });
          parts.drain(lease);
        } else if (!isWanted && deadlines.get(shardId)?.token === token && leases.keep(shardId) !== null) {
          over(shardId);
          parts.resume(lease);
        }
      }
      for (const [shardId, { token }] of deadlines) {
        if (leases.held.get(shardId)?.token !== token) over(shardId);
      }
    },
    drained(shardId, token) {
      if (deadlines.get(shardId)?.token === token) giveBack(shardId, token);
    },
    close() {
      for (const shardId of deadlines.keys()) over(shardId);
    },
  };
}
