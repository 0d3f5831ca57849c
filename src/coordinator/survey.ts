// What there is to read: the listing of the stream beside the rows of the store, and the look at both that carries out this
// session's lines of the plan.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import type { FullRead, LeaseStore, SessionId, SessionRow, ShardRow } from '../model/lease-store.ts';
import { isBefore, type Position } from '../model/position.ts';
import type { Clock } from '../platform/clock.ts';
import type { CoordinatorConfig, ThreadEvent } from '../protocol.ts';
import type { Evictions } from './evictions.ts';
import type { HandOffs } from './hand-offs.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { Lease, LeaseTable } from './lease-table.ts';
import { eligible } from './lineage.ts';
import { plan } from './plan.ts';
import type { PlanSteps } from './plan-steps.ts';
import { ensureRows, type Replaced } from './stream-rows.ts';

export interface SurveyParts {
  readonly config: Pick<CoordinatorConfig, 'maxShards'>;
  readonly clock: Clock;
  /** Aborted when a stop begins: nothing is taken any more. */
  readonly stopping: AbortSignal;
  readonly store: Pick<
    LeaseStore,
    'readTick' | 'readAll' | 'createShard' | 'replaceShard' | 'mark' | 'release'
  >;
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly heartbeat: () => Pick<Heartbeat, 'isValid' | 'session'>;
  readonly leases: () => Pick<LeaseTable, 'held' | 'take' | 'verify'>;
  readonly evictions: () => Pick<Evictions, 'look' | 'reset'>;
  readonly handOffs: () => Pick<HandOffs, 'look'>;
  readonly steps: PlanSteps;
  /** After each listing, with the rows as they were read behind it and those that were replaced then. */
  readonly onRows: (
    listing: ShardListing,
    rows: readonly ShardRow[],
    replaced: readonly Replaced[],
  ) => Promise<void>;
  /** Says that this thread moves. */
  readonly tick: () => void;
  readonly emit: (event: ThreadEvent) => void;
  readonly onError: (error: unknown) => void;
  /** There may be something to take: look soon. */
  readonly lookSoon: () => void;
}

export interface Survey {
  readonly listing: ShardListing;
  readonly rows: readonly ShardRow[];
  readonly sessions: readonly SessionRow[];
  /** Shards that nobody has room for. */
  readonly unassigned: readonly string[];
  /** When the last read that succeeded began, in ms of the monotonic clock. */
  readonly lastReadAt: number;
  /** With the first listing; the others are ignored until then. */
  begin(start: Position, listing: ShardListing): Promise<void>;
  listed(listing: ShardListing): Promise<void>;
  /** One look at the store: which shards may be read by whom, and do what is to be done here. */
  look(): Promise<void>;
}

const FULL_READ_INTERVAL_MS = 10_000;
/** More rows than this are read in full less often, in proportion. */
const ROWS_PER_INTERVAL = 1_000;
const TAKES_IN_FLIGHT = 32;
const NOTHING: FullRead = { app: null, sessions: [], shards: [], quiet: false, tokenFloor: 0 };

export function createSurvey(parts: SurveyParts): Survey {
  const { config, clock, stopping, store, tick, steps } = parts;
  /** Where the application starts to read; null until that is known. */
  let start: Position | null = null;
  let known: ShardListing = { shards: [], serverTimeMs: 0 };
  let read: FullRead = NOTHING;
  let fullReadAt = -Infinity;
  let lastReadAt = -Infinity;
  let repliedAt = -Infinity;
  let unassigned: readonly string[] = [];
  let planned: SessionId = '';
  let last: { shards: readonly ShardRow[]; listed: ShardListing['shards']; rows: readonly ShardRow[] } = {
    shards: [],
    listed: [],
    rows: [],
  };

  const readAll = async (): Promise<FullRead> => {
    const startedAt = clock.monotonic();
    const all = await store.readAll();
    repliedAt = clock.monotonic();
    lastReadAt = startedAt;
    return all;
  };

  const listed = async (listing: ShardListing): Promise<void> => {
    if (start === null) return;
    const first = known.shards.length === 0;
    const before = new Set(known.shards.map(({ shardId }) => shardId));
    const rows = (await readAll()).shards;
    const replaced = await ensureRows(store, parts.api, start, listing, rows, stopping);
    known = listing;
    await parts.onRows(listing, rows, replaced);
    const added = listing.shards.filter(({ shardId }) => !before.has(shardId)).map(({ shardId }) => shardId);
    if (added.length > 0 && !first) {
      const closed = listing.shards.filter(
        ({ endingSequenceNumber }) => endingSequenceNumber !== null,
      ).length;
      parts.emit({ name: 'topology:changed', open: listing.shards.length - closed, closed, added });
    }
    parts.lookSoon();
  };

  /** The rows in full where they may have changed, and from time to time in any case: a note of a change may be lost. */
  const refresh = async () => {
    const startedAt = clock.monotonic();
    const light = await store.readTick();
    repliedAt = clock.monotonic();
    lastReadAt = startedAt;
    const interval = FULL_READ_INTERVAL_MS * Math.max(1, read.shards.length / ROWS_PER_INTERVAL);
    // While the store is quiet, whoever holds leases has to find out which: `rev` may look unchanged although writes were forgotten.
    if (!light.quiet && light.app?.rev === read.app?.rev && startedAt - fullReadAt < interval) {
      read = { ...light, shards: read.shards };
      return;
    }
    const held = [...parts.leases().held.values()].filter(isRead);
    read = await readAll();
    fullReadAt = startedAt;
    try {
      await Promise.all(disagreeing(held, read.shards).map(({ shardId }) => parts.leases().verify(shardId)));
    } catch (error) {
      fullReadAt = -Infinity;
      throw error;
    }
  };

  /** The rows of shards that may be read now. Most looks see the same rows again. */
  const readable = (): readonly ShardRow[] => {
    if (last.shards !== read.shards || last.listed !== known.shards) {
      const ready = new Set(eligible(read.shards, known.shards).eligible);
      const rows = read.shards.filter(({ shardId }) => ready.has(shardId));
      last = { shards: read.shards, listed: known.shards, rows };
    }
    return last.rows;
  };

  const take = async (rows: readonly ShardRow[]) => {
    const leases = parts.leases();
    let refused = false;
    for (let i = 0; i < rows.length && !stopping.aborted; i += TAKES_IN_FLIGHT) {
      const some = rows.slice(i, i + TAKES_IN_FLIGHT);
      const taken = await Promise.all(some.map((row) => leases.take(row, read.tokenFloor)));
      refused ||= taken.includes(false);
    }
    // Somebody else was faster: the plan was made of rows that have changed.
    if (refused && !read.quiet) parts.lookSoon();
  };

  const mark = async ({ shardId, owner, token, handOffTo }: ShardRow, to: SessionId | null) => {
    const seen = { shardId, seenOwner: owner, seenToken: token, seenHandOffTo: handOffTo };
    // Whatever became of it, the next read tells.
    await store.mark({ ...seen, handOffTo: to }).catch(parts.onError);
  };

  /** In the name of this session, not held, and no room for them: a take that was thought to be lost. */
  const giveUp = async (rows: readonly ShardRow[], me: SessionId) => {
    const { held } = parts.leases();
    const stray = rows.filter(({ shardId, owner }) => owner === me && !held.has(shardId));
    await Promise.all(
      stray.map(({ shardId, token, position }) =>
        store.release({ shardId, me, token, position }).catch(parts.onError),
      ),
    );
  };

  const tellUnassigned = (now: readonly string[]) => {
    const isNews = now.some((shardId) => !unassigned.includes(shardId));
    unassigned = now;
    if (isNews) parts.emit({ name: 'shards:unassigned', shards: now });
  };

  return {
    get listing() {
      return known;
    },
    get rows() {
      return read.shards;
    },
    get sessions() {
      return read.sessions;
    },
    get unassigned() {
      return unassigned;
    },
    get lastReadAt() {
      return lastReadAt;
    },
    async begin(from, listing) {
      start = from;
      read = await readAll();
      await listed(listing);
    },
    listed,
    async look() {
      tick();
      const heartbeat = parts.heartbeat();
      if (!heartbeat.isValid()) return;
      const me = heartbeat.session;
      if (planned !== me) {
        steps.reset();
        parts.evictions().reset();
      }
      planned = me;
      await refresh();
      read = { ...read, sessions: await parts.evictions().look(read, me, lastReadAt, repliedAt) };
      const { shards, sessions } = read;
      if (heartbeat.session !== me || !heartbeat.isValid() || stopping.aborted) return;
      parts.handOffs().look(shards, sessions, me);
      const rows = readable();
      const agreed = plan({ sessions, shards: rows });
      tellUnassigned(agreed.unassigned);
      const { held } = parts.leases();
      const room = (config.maxShards ?? Infinity) - held.size;
      const { takes, marks, cancels } = steps.next({
        plan: agreed,
        sessions,
        rows,
        me,
        held,
        room,
        quiet: read.quiet,
        now: repliedAt,
      });
      await take(takes);
      if (room <= 0) await giveUp(rows, me);
      await Promise.all([
        ...marks.map(({ row, handOffTo }) => mark(row, handOffTo)),
        ...cancels.map(({ row }) => mark(row, null)),
      ]);
      tick();
    },
  };
}

/** A lease that is being taken or given back is about to differ from its row. */
function isRead({ state }: Lease): boolean {
  return state === 'running' || state === 'draining';
}

/** Of the leases that were held when the read began, those whose row says something else. */
function disagreeing(held: readonly Lease[], rows: readonly ShardRow[]): Lease[] {
  const byId = new Map(rows.map((row) => [row.shardId, row]));
  return held.filter((lease) => {
    const row = byId.get(lease.shardId);
    if (!isRead(lease)) return false;
    if (row?.owner !== lease.session || row.token !== lease.token) return true;
    return isBefore(row.position, lease.stored);
  });
}
