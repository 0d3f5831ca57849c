// The lease store of one process: rows in memory, gone with it; the reference for what the conditions mean.

import {
  type AppRow,
  type FullRead,
  type LeaseStore,
  LeaseStoreError,
  type OwnerWrite,
  type SessionRow,
  type ShardRow,
  type TickRead,
  type WriteResult,
} from '../model/lease-store.ts';
import type { Remembered } from '../protocol.ts';
import { isBefore, SHARD_END } from '../model/position.ts';

/** What outlives this store: the rows that another one left, and whoever keeps those of this one for the next. */
export interface MemoryRows {
  readonly remembered: Remembered | null;
  /** Called with every row that changed. */
  readonly remember: (change: Remembered) => void;
}

const FORGETS_NOTHING = { quiet: false, tokenFloor: 0 };
const FORGETFUL: MemoryRows = { remembered: null, remember: () => undefined };

/**
 * Rows are frozen and replaced, never changed: whoever holds one holds a snapshot. Every method runs to its end without
 * giving way, so each condition and its effect are one step.
 */
export function createMemoryLeaseStore({ remembered, remember }: MemoryRows = FORGETFUL): LeaseStore {
  let app: AppRow | null = remembered?.app ?? null;
  const sessions = new Map<string, SessionRow>();
  // Their owners are sessions of a thread that is dead, in a store that nobody else sees.
  const left = (remembered?.shards ?? []).map((row) =>
    Object.freeze({ ...row, owner: null, handOffTo: null }),
  );
  const shards = new Map<string, ShardRow>(left.map((row) => [row.shardId, row]));
  let closed = false;

  const ensureOpen = (): void => {
    if (closed) throw new LeaseStoreError('not-applied', 'The lease store is closed');
  };

  const bumpRev = (): void => {
    if (app !== null) app = Object.freeze({ ...app, rev: app.rev + 1 });
  };

  const putSession = (row: SessionRow): WriteResult<SessionRow> => {
    const stored = Object.freeze({ ...row });
    sessions.set(row.session, stored);
    return { applied: true, row: stored };
  };

  const putShard = (row: ShardRow): WriteResult<ShardRow> => {
    const stored = Object.freeze({ ...row, parents: Object.freeze([...row.parents]) });
    shards.set(row.shardId, stored);
    remember({ app, shards: [stored] });
    return { applied: true, row: stored };
  };

  const owned = (row: ShardRow | undefined, write: Pick<OwnerWrite, 'me' | 'token'>): row is ShardRow =>
    row !== undefined && row.owner === write.me && row.token === write.token;

  const refused = <Row>(row: Row | undefined): WriteResult<Row> => ({ applied: false, row: row ?? null });

  return {
    isAlone: true,
    async open() {
      ensureOpen();
    },
    async close() {
      closed = true;
    },

    async readTick(): Promise<TickRead> {
      ensureOpen();
      return { app, sessions: [...sessions.values()], ...FORGETS_NOTHING };
    },
    async readAll(): Promise<FullRead> {
      ensureOpen();
      return { app, sessions: [...sessions.values()], shards: [...shards.values()], ...FORGETS_NOTHING };
    },
    async readSession(session) {
      ensureOpen();
      return sessions.get(session) ?? null;
    },
    async readShard(shardId) {
      ensureOpen();
      return shards.get(shardId) ?? null;
    },

    async createApp(row) {
      ensureOpen();
      if (app !== null) return refused(app);
      app = Object.freeze({ ...row, rev: 0 });
      remember({ app, shards: [] });
      return { applied: true, row: app };
    },

    async createSession(row) {
      ensureOpen();
      const stored = sessions.get(row.session);
      return stored === undefined ? putSession(row) : refused(stored);
    },
    async beat({ session, beat, state, maxShards }) {
      ensureOpen();
      const row = sessions.get(session);
      if (row === undefined || !isLive(row) || row.beat >= beat) return refused(row);
      return putSession({ ...row, beat, state, maxShards });
    },
    async end(session) {
      ensureOpen();
      const row = sessions.get(session);
      if (row === undefined || row.state === 'dead') return refused(row);
      return putSession({ ...row, state: 'ended' });
    },
    async evict({ session, beat }) {
      ensureOpen();
      const row = sessions.get(session);
      if (row === undefined) {
        if (beat !== null) return refused<SessionRow>(row);
        bumpRev();
        return putSession(tombstone(session));
      }
      if (!isLive(row) || row.beat !== beat) return refused(row);
      bumpRev();
      return putSession({ ...row, state: 'dead' });
    },
    async deleteSession(session) {
      ensureOpen();
      const row = sessions.get(session);
      if (row === undefined || isLive(row)) return refused(row);
      sessions.delete(session);
      return { applied: true, row: null };
    },

    async createShard({ shardId, startsAt, parents, position }) {
      ensureOpen();
      const stored = shards.get(shardId);
      if (stored !== undefined) return refused(stored);
      bumpRev();
      return putShard({ shardId, startsAt, parents, position, owner: null, token: 0, handOffTo: null });
    },
    async replaceShard({ shardId, seenStartsAt, startsAt, parents, position }) {
      ensureOpen();
      const row = shards.get(shardId);
      if (row === undefined || row.startsAt !== seenStartsAt) return refused(row);
      bumpRev();
      const token = row.token + 1;
      return putShard({ shardId, startsAt, parents, position, owner: null, token, handOffTo: null });
    },
    async take({ shardId, seenOwner, seenToken, me, token, salvage }) {
      ensureOpen();
      const row = shards.get(shardId);
      if (
        row === undefined ||
        row.owner !== seenOwner ||
        row.token !== seenToken ||
        row.position === SHARD_END
      ) {
        return refused(row);
      }
      const position = salvage !== null && isBefore(row.position, salvage) ? salvage : row.position;
      bumpRev();
      return putShard({ ...row, owner: me, token, position, handOffTo: null });
    },
    async mark({ shardId, seenOwner, seenToken, seenHandOffTo, handOffTo }) {
      ensureOpen();
      const row = shards.get(shardId);
      if (
        row === undefined ||
        row.owner !== seenOwner ||
        row.token !== seenToken ||
        row.handOffTo !== seenHandOffTo ||
        row.position === SHARD_END
      ) {
        return refused(row);
      }
      bumpRev();
      return putShard({ ...row, handOffTo });
    },
    async checkpoint(write) {
      ensureOpen();
      const row = shards.get(write.shardId);
      if (!owned(row, write) || isBefore(write.position, row.position)) return refused(row);
      return putShard({ ...row, position: write.position });
    },
    async release(write) {
      ensureOpen();
      const row = shards.get(write.shardId);
      if (!owned(row, write) || isBefore(write.position, row.position)) return refused(row);
      bumpRev();
      return putShard({ ...row, position: write.position, owner: null });
    },
    async finish(write) {
      ensureOpen();
      const row = shards.get(write.shardId);
      if (!owned(row, write)) return refused<ShardRow>(row);
      bumpRev();
      return putShard({ ...row, position: SHARD_END, owner: null, handOffTo: null });
    },
    async deleteShard(shardId) {
      ensureOpen();
      const row = shards.get(shardId);
      if (row === undefined || row.position !== SHARD_END || row.owner !== null) return refused(row);
      shards.delete(shardId);
      return { applied: true, row: null };
    },
  };
}

function isLive(row: SessionRow): boolean {
  return row.state === 'live' || row.state === 'draining';
}

/** Stands for a session that a shard names but that has no row, so that it can never be created late. */
function tombstone(session: string): SessionRow {
  return { session, beat: 0, state: 'dead', maxShards: null, host: '', boot: '', pid: 0, version: '' };
}
