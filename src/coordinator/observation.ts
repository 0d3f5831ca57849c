// Which sessions have stopped to beat, as far as this instance saw it. No clock of another host takes part: a session is overdue
// when its row stayed the same for a whole lease duration while this instance watched.

import type { SessionId, SessionRow } from '../model/lease-store.ts';
import { createUnchanged } from './unchanged.ts';

export interface Sighting {
  readonly sessions: readonly SessionRow[];
  /** Owners and takers in the shard rows. One that has no session row is watched as well: its row may come yet. */
  readonly named: Iterable<SessionId>;
  /** This instance's own session is nobody's to judge but its fence's. */
  readonly me: SessionId;
  /** Of the read: the store may have forgotten beats. */
  readonly quiet: boolean;
  /** Monotonic ms, right before the store was asked for `sessions`. */
  readonly askedAt: number;
  /** Monotonic ms, when it had answered. */
  readonly answeredAt: number;
}

export interface Verdicts {
  /** To be evicted if they are still at that beat; null: if they still have no row. */
  readonly overdue: readonly { readonly session: SessionId; readonly beat: number | null }[];
  /** Over for a lease duration, and named by no shard row: their rows may go. */
  readonly removable: readonly SessionId[];
}

export interface Observation {
  see(read: Sighting): Verdicts;
  /** With a new session of one's own: what was seen before the old one was fenced counts no more. */
  reset(): void;
}

const NONE: Verdicts = { overdue: [], removable: [] };
const ABSENT = 'absent';
const OVER = 'over';

/**
 * A row counts as unchanged from the *answer* that showed it first to the *asking* of the latest read: all that lies between is
 * certain, whatever the delays. An answer that waited in a socket while this process was stopped was asked for before the stop, so
 * it proves nothing about the time after. The first read that is asked for after the stop does, and rightly: beats only
 * grow, so one that is the same on both sides of a gap was the same all through it. There is no rule about gaps between looks, which
 * would keep an instance whose reads are slow from ever noticing a death.
 */
export function createObservation(leaseDurationMs: number): Observation {
  const unchanged = createUnchanged();
  return {
    see({ sessions, named, me, quiet, askedAt, answeredAt }) {
      if (quiet) {
        // Beats may have been lost here that their sender knows to be applied: watch again from the end of it.
        unchanged.clear();
        return NONE;
      }
      const isOld = (session: SessionId, value: string) =>
        askedAt - unchanged.since(session, value, answeredAt) >= leaseDurationMs;
      const overdue: { session: SessionId; beat: number | null }[] = [];
      const removable: SessionId[] = [];
      const absent = new Set(named);
      absent.delete(me);
      for (const { session, state, beat } of sessions) {
        const isNamed = absent.delete(session);
        if (session === me) continue;
        switch (state) {
          case 'live':
          case 'draining':
            if (isOld(session, `beat ${beat}`)) overdue.push({ session, beat });
            break;
          case 'ended':
          case 'dead':
            if (isOld(session, OVER) && !isNamed) removable.push(session);
            break;
          default:
            state satisfies never;
        }
      }
      for (const session of absent) if (isOld(session, ABSENT)) overdue.push({ session, beat: null });
      unchanged.sweep();
      return { overdue, removable };
    },
    reset() {
      unchanged.clear();
    },
  };
}
