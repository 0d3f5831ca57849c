// The session rows of a lease store in virtual time: each answer may come late, be lost, or be scripted.

import type { LeaseStore, SessionRow, WriteResult } from '../../src/model/lease-store.ts';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { delay } from '../../src/platform/timers.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How one call goes: when its write is applied and when its answer comes, after the call; null = never. */
export interface Timing {
  readonly appliedAfterMs?: number | null;
  readonly answeredAfterMs?: number | null;
  readonly fails?: Error;
}

export type SessionMethod = 'createSession' | 'beat' | 'end';

export interface SessionStore extends Pick<LeaseStore, SessionMethod> {
  /** The next calls of the method go like this, in order; the others are answered at once. */
  script(method: SessionMethod, ...timings: Timing[]): void;
  /** When each call of the method began, in virtual ms. */
  calls(method: SessionMethod): readonly number[];
  /** What each beat said. */
  readonly beats: readonly Parameters<LeaseStore['beat']>[0][];
  read(session: string): Promise<SessionRow | null>;
  /** Another instance declares the session dead. */
  evict(session: string, beat: number): Promise<void>;
}

export function createSessionStore(time: VirtualTime): SessionStore {
  const inner = createMemoryLeaseStore();
  const scripts = new Map<SessionMethod, Timing[]>();
  const starts = new Map<SessionMethod, number[]>();
  const beats: Parameters<LeaseStore['beat']>[0][] = [];

  const call = async (
    method: SessionMethod,
    write: () => Promise<WriteResult<SessionRow>>,
  ): Promise<WriteResult<SessionRow>> => {
    starts.set(method, [...(starts.get(method) ?? []), time.clock.monotonic()]);
    const {
      answeredAfterMs = 0,
      appliedAfterMs = answeredAfterMs,
      fails,
    } = scripts.get(method)?.shift() ?? {};
    const applied =
      appliedAfterMs === null
        ? new Promise<never>(() => undefined)
        : appliedAfterMs === 0
          ? write()
          : delay(time.timers, appliedAfterMs).then(write);
    if (answeredAfterMs === null) return new Promise(() => undefined);
    if (answeredAfterMs > 0) await delay(time.timers, answeredAfterMs);
    if (fails !== undefined) throw fails;
    return applied;
  };

  return {
    script: (method, ...timings) => void scripts.set(method, [...(scripts.get(method) ?? []), ...timings]),
    calls: (method) => starts.get(method) ?? [],
    beats,
    read: (session) => inner.readSession(session),
    async evict(session, beat) {
      await inner.evict({ session, beat });
    },
    createSession: (row) => call('createSession', () => inner.createSession(row)),
    beat(write) {
      beats.push(write);
      return call('beat', () => inner.beat(write));
    },
    end: (session) => call('end', () => inner.end(session)),
  };
}
