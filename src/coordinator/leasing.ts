// The leases of one instance as a whole: its session, the rows, the plan and the hand-offs, behind the ports of a store, a clock and
// whoever reads. The coordinator stands on it, and so does the simulation of many instances.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import type { AppRow, LeaseStore, SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';
import type { Position } from '../model/position.ts';
import { type Bell, createBell } from '../platform/bell.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fence } from '../platform/fence.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { CoordinatorConfig, ThreadEvent } from '../protocol.ts';
import { createEvictions } from './evictions.ts';
import { createHandOffs } from './hand-offs.ts';
import { createHeartbeat, type HeartbeatStats } from './heartbeat.ts';
import { createLeaseTable, type Lease } from './lease-table.ts';
import { createObservation } from './observation.ts';
import { createPlanSteps } from './plan-steps.ts';
import { ensureApp, type Replaced } from './stream-rows.ts';
import { createSurvey } from './survey.ts';

/** Whoever reads what is leased here. */
export interface Reading {
  begin(lease: Lease): void;
  /** It is handed off: fetch nothing more, finish what is in hand, then call `drained`. */
  drain(lease: Lease): void;
  /** It is not handed off after all: read on behind what is acked. */
  resume(lease: Lease): void;
  /** What is in hand counts no more: the hand-off took too long. */
  abort(lease: Lease): void;
  /** It was handed off, and another session may read it now. */
  handedOff(lease: Lease): void;
  /** SHARD_END is stored. */
  done(lease: Lease): void;
  lost(lease: Lease, cause: string): void;
}

export interface LeasingParts {
  readonly config: Pick<
    CoordinatorConfig,
    | 'application'
    | 'instanceId'
    | 'version'
    | 'start'
    | 'maxShards'
    | 'leaseDurationMs'
    | 'marginMs'
    | 'heartbeatIntervalMs'
    | 'coordinationIntervalMs'
    | 'checkpointIntervalMs'
    | 'drainDeadlineMs'
  >;
  readonly store: LeaseStore;
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly fence: Fence;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly nonce: () => string;
  readonly host: { readonly name: string; readonly boot: string; readonly pid: number };
  readonly isProcessGone: (row: SessionRow) => boolean;
  readonly reading: Reading;
  /** After each listing, with the rows as they were read behind it and those that were replaced then. */
  readonly onRows: (
    listing: ShardListing,
    rows: readonly ShardRow[],
    replaced: readonly Replaced[],
  ) => Promise<void>;
  readonly onSession: (session: SessionId) => void;
  /** Says that this thread moves. */
  readonly tick: () => void;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (message: string, error: unknown) => void;
}

export interface Leasing {
  /** Creates the app row, or adopts that of whoever was first. */
  adopt(serverTimeMs: number): Promise<AppRow>;
  /** Begins the session and makes the rows of the stream; nothing is taken yet. */
  join(start: Position, listing: ShardListing): Promise<void>;
  /** Takes the first shards, and goes on by itself until the stop. */
  run(): Promise<void>;
  listed(listing: ShardListing): Promise<void>;
  acked(shardId: string, token: number, upTo: Position): void;
  /** Nothing of a shard that is handed off is in hand any more. */
  drained(shardId: string, token: number): void;
  /** Writes every position that moved; resolves with the first failure, null without any. */
  flush(): Promise<Error | null>;
  lookSoon(): void;
  lose(shardId: string, cause: string): void;
  /** Forgets what is kept about shards that there are no more. */
  retain(exists: (shardId: string) => boolean): void;

  /** A stop begins: nothing is taken any more, and others plan without this instance. */
  drain(): void;
  /** Resolves when none of its own loops runs any more, after `drain`. */
  readonly rested: Promise<unknown>;
  /** Writes the last positions, gives all leases back, ends the session and closes the store. Returns where each lease stood. */
  leave(): Promise<readonly (readonly [shardId: string, position: Position])[]>;

  readonly session: SessionId;
  readonly stats: HeartbeatStats;
  readonly held: ReadonlyMap<string, Lease>;
  readonly listing: ShardListing;
  readonly rows: readonly ShardRow[];
  readonly sessions: readonly SessionRow[];
  readonly unassigned: readonly string[];
  /** When the last read that succeeded began, in ms of the monotonic clock. */
  readonly lastReadAt: number;
  /** What the store failed with last; null once it answered a look again. */
  readonly storeError: unknown;
}

/** Notes of changes come in swarms: looks that they cause are at least so far apart. */
const LOOK_GAP_MS = 50;
const RESERVATION_TIMEOUT_MS = 5_000;
const REBALANCE_DELAY_MS = 2_000;
/** An owner that has not given a shard after this many of its deadlines does not answer to the mark. */
const MARK_TIMEOUT_DRAINS = 2;
const MARK_TIMEOUT_MS = 60_000;

export function createLeasing(parts: LeasingParts): Leasing {
  const { config, store, fence, clock, timers, reading, emit } = parts;
  const stopping = new AbortController();
  const bells: Bell[] = [];
  let loops: Promise<void>[] = [];
  let storeError: unknown = null;
  let failedAt = -Infinity;

  const log = (message: string, error: unknown) => {
    storeError = error;
    failedAt = clock.monotonic();
    parts.log(message, error);
  };

  const bell = (): Bell => {
    const made = createBell(timers);
    bells.push(made);
    return made;
  };
  const lookBell = bell();
  const lookSoon = () => lookBell.ring();

  const heartbeat = createHeartbeat({
    ...config,
    store,
    fence,
    clock,
    timers,
    nonce: parts.nonce,
    host: { ...parts.host, version: config.version },
    lastReadAt: () => survey.lastReadAt,
    onLost: (session, cause) => {
      emit({ name: 'session:lost', session, cause });
      leases.loseAll(cause);
    },
    onRenewed: (session) => {
      parts.onSession(session);
      lookSoon();
    },
    onError: (error) => log('The heartbeat could not be written', error),
  });

  const leases = createLeaseTable({
    store,
    timers,
    session: () => heartbeat.session,
    generation: () => fence.generation,
    isValid: () => heartbeat.isValid(),
    onTaken: (lease) => reading.begin(lease),
    onDone: (lease) => {
      reading.done(lease);
      // Its children may be read now.
      lookSoon();
    },
    onGivenBack: (lease) => {
      reading.handedOff(lease);
      lookSoon();
    },
    onLost: (lease, cause) => {
      reading.lost(lease, cause);
      lookSoon();
    },
    onError: (error) => log('A lease could not be written', error),
  });

  const handOffs = createHandOffs({
    timers,
    drainDeadlineMs: config.drainDeadlineMs,
    leases,
    drain: (lease) => reading.drain(lease),
    abort: (lease) => reading.abort(lease),
    resume: (lease) => reading.resume(lease),
    onError: (error) => log('A shard could not be given back', error),
  });

  const evictions = createEvictions({
    store,
    observation: createObservation(config.leaseDurationMs),
    isProcessGone: parts.isProcessGone,
    isValid: () => heartbeat.isValid(),
    onEvicted: ({ session, host, pid }) => emit({ name: 'session:evicted', session, host, pid }),
    onError: (error) => log('Another session could not be declared dead', error),
  });

  const survey = createSurvey({
    ...parts,
    stopping: stopping.signal,
    heartbeat: () => heartbeat,
    leases: () => leases,
    evictions: () => evictions,
    handOffs: () => handOffs,
    steps: createPlanSteps({
      isAlone: store.isAlone === true,
      reservationTimeoutMs: RESERVATION_TIMEOUT_MS,
      rebalanceDelayMs: REBALANCE_DELAY_MS,
      markTimeoutMs: Math.max(MARK_TIMEOUT_MS, MARK_TIMEOUT_DRAINS * config.drainDeadlineMs),
    }),
    onError: (error) => log('A shard could not be marked', error),
    lookSoon,
  });

  /** Until the stop; a failure is logged and does not end the loop. */
  const every = async (own: Bell, intervalMs: () => number, work: () => Promise<unknown>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await own.wait(intervalMs());
      if (stopping.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        log('The coordinator met an error and goes on', error);
      }
    }
  };

  const jittered = (ms: number) => () => ms * (0.9 + 0.2 * parts.random());

  return {
    adopt: (serverTimeMs) => ensureApp(store, config, serverTimeMs),
    async join(start, listing) {
      await heartbeat.start();
      parts.onSession(heartbeat.session);
      await survey.begin(start, listing);
    },
    async run() {
      await survey.look();
      if (stopping.signal.aborted) return;
      store.watch?.(lookSoon);
      const look = async () => {
        await survey.look();
        if (survey.lastReadAt > failedAt) storeError = null;
        await delay(timers, LOOK_GAP_MS, stopping.signal);
      };
      loops = [
        every(lookBell, jittered(config.coordinationIntervalMs), look),
        every(bell(), jittered(config.checkpointIntervalMs), () => leases.flush()),
      ];
    },
    listed: (listing) => survey.listed(listing),
    acked: (shardId, token, upTo) => leases.acked(shardId, token, upTo),
    drained: (shardId, token) => handOffs.drained(shardId, token),
    flush: () => leases.flush(),
    lookSoon,
    lose: (shardId, cause) => leases.lose(shardId, cause),
    retain: (exists) => leases.retain(exists),
    drain() {
      stopping.abort();
      for (const each of bells) each.ring();
      heartbeat.drain();
      handOffs.close();
      leases.drain();
    },
    get rested() {
      return Promise.all(loops);
    },
    async leave() {
      const positions = Array.from(leases.held.values(), ({ shardId, acked }) => [shardId, acked] as const);
      await leases.releaseAll();
      // After the release: a session that ends first would let others take what it still writes.
      await heartbeat.stop();
      await store.close();
      return positions;
    },
    get session() {
      return heartbeat.session;
    },
    get stats() {
      return heartbeat.stats;
    },
    held: leases.held,
    get listing() {
      return survey.listing;
    },
    get rows() {
      return survey.rows;
    },
    get sessions() {
      return survey.sessions;
    },
    get unassigned() {
      return survey.unassigned;
    },
    get lastReadAt() {
      return survey.lastReadAt;
    },
    get storeError() {
      return storeError;
    },
  };
}
