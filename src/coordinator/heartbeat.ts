// The session of this instance: one beat per interval proves that it lives, and moves the fence.
//
// Only a beat that was answered before the deadline counts, and it counts from its own start. Once the deadline has
// passed the session is over, whatever a late answer says: others may own the shards by then.

import {
  type LeaseStore,
  LeaseStoreError,
  type SessionId,
  type SessionRow,
  type WriteResult,
} from '../model/lease-store.ts';
import type { Clock } from '../platform/clock.ts';
import { type Fence, wallLead } from '../platform/fence.ts';
import { delay, type Timer, type Timers } from '../platform/timers.ts';

export interface HeartbeatParts {
  readonly store: Pick<LeaseStore, 'createSession' | 'beat' | 'end'>;
  readonly fence: Fence;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly instanceId: string;
  /** A new one for every session. */
  readonly nonce: () => string;
  readonly maxShards: number | null;
  readonly host: {
    readonly name: string;
    readonly boot: string;
    readonly pid: number;
    readonly version: string;
  };
  readonly leaseDurationMs: number;
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  /** When the last read of the store that succeeded began, in ms of the monotonic clock; -Infinity before the first. */
  readonly lastReadAt: () => number;
  /** The session is over and so is every lease of it. A new session follows by itself. */
  readonly onLost: (session: SessionId, cause: string) => void;
  readonly onRenewed: (session: SessionId) => void;
  /** A beat failed; it is tried again at once. */
  readonly onError: (error: unknown) => void;
}

export interface HeartbeatStats {
  readonly beats: number;
  /** Largest time between the starts of two beats, ms. */
  readonly largestGapMs: number;
}

export interface Heartbeat {
  /** Creates the first session; rejects when the store cannot be written. */
  start(): Promise<void>;
  readonly session: SessionId;
  readonly stats: HeartbeatStats;
  /** True while this session may act. Checked before every write; ends the session when the deadline has passed. */
  isValid(): boolean;
  /** Others plan without this instance from now on, and its leases stay valid. */
  drain(): void;
  /** Says that the session ended; after the last release. */
  stop(): Promise<void>;
}

/** A beat that is not answered within this is tried again: it may have been lost. */
const BEAT_TIMEOUT_MS = 2_000;
const RETRY_MS = 200;
const CREATE_ATTEMPTS = 3;

export function createHeartbeat(parts: HeartbeatParts): Heartbeat {
  const { store, fence, clock, timers, leaseDurationMs, marginMs, heartbeatIntervalMs } = parts;
  const stopping = new AbortController();
  let session: SessionId = '';
  let state: 'live' | 'draining' = 'live';
  let beat = 0;
  let beats = 0;
  let lastStart: number | null = null;
  let createdAt = 0;
  let largestGapMs = 0;
  let lost = false;
  let loop: Promise<void> = Promise.resolve();
  let deadlineTimer: Timer | null = null;

  const validity = leaseDurationMs - marginMs;

  const lose = (cause: string) => {
    if (lost || stopping.signal.aborted) return;
    lost = true;
    fence.latch();
    parts.onLost(session, cause);
  };

  const armDeadline = () => {
    if (deadlineTimer !== null) timers.clearTimeout(deadlineTimer);
    deadlineTimer = timers.setTimeout(
      () => {
        deadlineTimer = null;
        if (!fence.isValid(fence.generation)) lose('no beat was confirmed in time');
        else armDeadline();
      },
      Math.max(1, fence.remainingMs() + 1),
    );
  };

  /** Nobody knows whether it was created: tried again under the same name, which changes nothing if it was. */
  const putSession = async (row: SessionRow): Promise<WriteResult<SessionRow>> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.createSession(row);
      } catch (error) {
        const isUnknown = error instanceof LeaseStoreError && error.outcome === 'unknown';
        if (!isUnknown || attempt === CREATE_ATTEMPTS || stopping.signal.aborted) throw error;
        parts.onError(error);
        await delay(timers, RETRY_MS, stopping.signal);
      }
    }
  };

  /** The first attempt is what validity counts from: a later one may only find what an earlier one created. */
  const createSession = async () => {
    const startedAt = clock.monotonic();
    const lead = wallLead(clock);
    session = `${parts.instanceId}#${parts.nonce()}`;
    beat = 0;
    const row = {
      session,
      beat,
      state,
      maxShards: parts.maxShards,
      host: parts.host.name,
      boot: parts.host.boot,
      pid: parts.host.pid,
      version: parts.host.version,
    };
    const { applied, row: stored } = await putSession(row);
    if (!applied && stored?.state !== 'live')
      throw new Error(`Session ${session} exists and is ${stored?.state}`);
    if (stopping.signal.aborted) return;
    lost = false;
    lastStart = null;
    createdAt = startedAt;
    fence.reopen({ until: startedAt + validity, wallLead: lead }, marginMs);
    armDeadline();
  };

  const sendBeat = async () => {
    const startedAt = clock.monotonic();
    const lead = wallLead(clock);
    if (lastStart !== null) largestGapMs = Math.max(largestGapMs, startedAt - lastStart);
    lastStart = startedAt;
    beat += 1;
    const mine = session;
    const { applied, row } = await withTimeout(
      store.beat({ session, beat, state, maxShards: parts.maxShards }),
      BEAT_TIMEOUT_MS,
      timers,
    );
    if (mine !== session || lost) return;
    if (!applied && (row === null || (row.state !== 'live' && row.state !== 'draining'))) {
      lose(row === null ? 'the session row is gone' : `the session row says ${row.state}`);
      return;
    }
    if (!fence.isValid(fence.generation)) {
      lose('a beat was confirmed after the deadline');
      return;
    }
    // It would keep its leases and learn nothing: not that others joined, nor that a shard is to be handed off.
    if (startedAt - Math.max(parts.lastReadAt(), createdAt) > leaseDurationMs) {
      lose('the store takes beats but has answered no read');
      return;
    }
    beats += 1;
    fence.extendTo({ until: startedAt + validity, wallLead: lead });
    armDeadline();
  };

  /** Until it is answered, however long the store is away: else nobody may take its shards before another lease has passed. */
  const endOld = async (old: SessionId): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await store.end(old);
        return;
      } catch (error) {
        parts.onError(error);
        await delay(timers, RETRY_MS, stopping.signal);
      }
    }
  };

  const run = async () => {
    while (!stopping.signal.aborted) {
      const startedAt = clock.monotonic();
      try {
        if (lost) {
          void endOld(session);
          await createSession();
          parts.onRenewed(session);
        } else {
          await sendBeat();
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        parts.onError(error);
        await delay(timers, RETRY_MS, stopping.signal);
        continue;
      }
      if (!lost) await delay(timers, heartbeatIntervalMs - (clock.monotonic() - startedAt), stopping.signal);
    }
  };

  return {
    async start() {
      await createSession();
      loop = delay(timers, heartbeatIntervalMs, stopping.signal).then(run);
    },
    get session() {
      return session;
    },
    get stats() {
      return { beats, largestGapMs };
    },
    isValid() {
      if (lost) return false;
      if (fence.isValid(fence.generation)) return true;
      lose('the deadline passed while this process stood still');
      return false;
    },
    drain() {
      state = 'draining';
    },
    async stop() {
      stopping.abort();
      if (deadlineTimer !== null) timers.clearTimeout(deadlineTimer);
      await loop;
      fence.latch();
      if (session !== '') await store.end(session).catch(parts.onError);
    },
  };
}

function withTimeout<T>(promise: Promise<T>, ms: number, timers: Timers): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = timers.setTimeout(
      () => reject(new Error(`No answer from the lease store within ${ms} ms`)),
      ms,
    );
    promise.then(
      (value) => {
        timers.clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        timers.clearTimeout(timer);
        reject(error);
      },
    );
  });
}
