// Other sessions, watched: those that do not beat any more are declared dead, and rows of the long dead are removed.

import {
  type FullRead,
  type LeaseStore,
  LeaseStoreError,
  type SessionId,
  type SessionRow,
} from '../model/lease-store.ts';
import type { Observation } from './observation.ts';

export interface EvictionsParts {
  readonly store: Pick<LeaseStore, 'evict' | 'deleteSession' | 'isLocal'>;
  readonly observation: Observation;
  /** Of a session whose process is known to be no more. Asked only of a store whose sessions are all on this host. */
  readonly isProcessGone: (row: SessionRow) => boolean;
  readonly isValid: () => boolean;
  readonly onEvicted: (row: SessionRow) => void;
  readonly onError: (error: unknown) => void;
}

export interface Evictions {
  /**
   * Returns the sessions as they are afterwards. Both times are of the monotonic clock, ms: before the store was asked for the
   * sessions, and when it had answered.
   */
  look(read: FullRead, me: SessionId, askedAt: number, answeredAt: number): Promise<readonly SessionRow[]>;
  /** With a new session of one's own. */
  reset(): void;
}

/** The rows of sessions need not go fast. */
const REMOVED_PER_LOOK = 8;

export function createEvictions(parts: EvictionsParts): Evictions {
  const { store, observation } = parts;

  const evict = async (session: SessionId, beat: number | null): Promise<SessionRow | null> => {
    try {
      const { applied, row } = await store.evict({ session, beat });
      if (applied && row !== null) parts.onEvicted(row);
      return row;
    } catch (error) {
      // Whatever became of it, the next read tells.
      if (!(error instanceof LeaseStoreError)) throw error;
      parts.onError(error);
      return null;
    }
  };

  return {
    reset: () => observation.reset(),
    async look({ sessions, shards, quiet }, me, askedAt, answeredAt) {
      const named = new Set<SessionId>();
      for (const { owner, handOffTo } of shards) {
        if (owner !== null) named.add(owner);
        if (handOffTo !== null) named.add(handOffTo);
      }
      const { overdue, removable } = observation.see({ sessions, named, me, quiet, askedAt, answeredAt });
      const gone =
        store.isLocal === true && !quiet
          ? sessions.filter((row) => isLive(row) && parts.isProcessGone(row))
          : [];
      const known = new Map(sessions.map((row) => [row.session, row]));
      const dead = new Map([...gone, ...overdue].map(({ session, beat }) => [session, beat]));
      for (const [session, beat] of dead) {
        if (session === me || !parts.isValid()) continue;
        const row = await evict(session, beat);
        if (row !== null) known.set(session, row);
      }
      for (const session of removable.slice(0, REMOVED_PER_LOOK)) {
        if (!parts.isValid()) break;
        await store.deleteSession(session).catch(parts.onError);
      }
      return [...known.values()];
    },
  };
}

function isLive({ state }: SessionRow): boolean {
  return state === 'live' || state === 'draining';
}
