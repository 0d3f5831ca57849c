// The rows of a simulated store and the conditions of every write, without any promise: what the memory store does, with a past
// that reads may show, that a fail-over may return to, and with each condition removable, to see that the simulation notices.

import type { AppRow, LeaseStore, SessionRow, ShardRow, WriteResult } from '../../src/model/lease-store.ts';
import { isBefore, SHARD_END } from '../../src/model/position.ts';

type WriteName =
  | 'createApp'
  | 'createSession'
  | 'beat'
  | 'end'
  | 'evict'
  | 'deleteSession'
  | 'createShard'
  | 'take'
  | 'mark'
  | 'checkpoint'
  | 'release'
  | 'finish'
  | 'deleteShard';
/** One write as a client asks for it. */
export type Write = {
  [Name in WriteName]: { readonly name: Name; readonly write: Parameters<LeaseStore[Name]>[0] };
}[WriteName];
export type Row = AppRow | SessionRow | ShardRow;

/** Conditions that can be left out. */
export type StoreMutation =
  | 'beat-increments'
  | 'beat-any'
  | 'beat-any-state'
  | 'end-anything'
  | 'evict-any-beat'
  | 'evict-in-quiet'
  | 'take-in-quiet'
  | 'take-any-owner'
  | 'take-any-token'
  | 'take-finished'
  | 'take-store-token'
  | 'owner-any-session'
  | 'owner-any-token'
  | 'position-backwards'
  | 'release-any-owner'
  | 'finish-any-owner'
  | 'delete-live-session'
  | 'no-tombstone'
  | 'no-quiet';

export interface RowsHooks {
  readonly onShard: (before: ShardRow | null, after: ShardRow | null, by: Write) => void;
  /** `rev` is to grow. */
  readonly onRev: () => void;
  /** Takes and evictions are refused. */
  readonly isQuiet: () => boolean;
  /** Takes with this token or a lower one are refused. */
  readonly lowestToken: () => number;
}

interface Change {
  readonly at: number;
  readonly table: Map<string, Row>;
  readonly key: string;
  readonly before: Row | undefined;
}

export type Rows = ReturnType<typeof createRows>;

export function createRows(now: () => number, hooks: RowsHooks, mutations: ReadonlySet<StoreMutation>) {
  const app = new Map<string, AppRow>();
  const sessions = new Map<string, SessionRow>();
  const shards = new Map<string, ShardRow>();
  const past: Change[] = [];
  const without = (mutation: StoreMutation) => mutations.has(mutation);

  const put = <R extends Row>(table: Map<string, R>, key: string, row: R | null): void => {
    past.push({ at: now(), table, key, before: table.get(key) });
    if (row === null) table.delete(key);
    else table.set(key, row);
  };

  const putSession = (row: SessionRow): WriteResult<SessionRow> => {
    put(sessions, row.session, row);
    return { applied: true, row };
  };

  const putShard = (shardId: string, row: ShardRow | null, by: Write): WriteResult<ShardRow> => {
    const before = shards.get(shardId) ?? null;
    put(shards, shardId, row);
    hooks.onShard(before, row, by);
    return { applied: true, row };
  };

  const refused = <R>(row: R | undefined): WriteResult<R> => ({ applied: false, row: row ?? null });
  const bump = () => hooks.onRev();

  const owned = (row: ShardRow, { me, token }: { readonly me: string; readonly token: number }): boolean =>
    (row.owner === me || without('owner-any-session')) && (row.token === token || without('owner-any-token'));

  const write = (by: Write): WriteResult<Row> => {
    switch (by.name) {
      case 'createApp': {
        const stored = app.get('');
        if (stored !== undefined) return refused<Row>(stored);
        const row = { ...by.write, rev: 0 };
        put(app, '', row);
        return { applied: true, row };
      }
      case 'createSession': {
        const stored = sessions.get(by.write.session);
        return stored === undefined ? putSession(by.write) : refused<Row>(stored);
      }
      case 'beat': {
        const { session, beat, state, maxShards } = by.write;
        const row = sessions.get(session);
        if (row === undefined) return refused<Row>(row);
        if (!isLive(row) && !without('beat-any-state')) return refused<Row>(row);
        if (row.beat >= beat && !without('beat-any') && !without('beat-increments')) return refused<Row>(row);
        return putSession({
          ...row,
          beat: without('beat-increments') ? row.beat + 1 : beat,
          state,
          maxShards,
        });
      }
      case 'end': {
        const row = sessions.get(by.write);
        if (row === undefined || (row.state === 'dead' && !without('end-anything'))) return refused<Row>(row);
        return putSession({ ...row, state: 'ended' });
      }
      case 'evict': {
        const { session, beat } = by.write;
        const row = sessions.get(session);
        if (hooks.isQuiet() && !without('evict-in-quiet')) return refused<Row>(row);
        if (row === undefined) {
          if (beat !== null) return refused<Row>(row);
          bump();
          if (without('no-tombstone')) return { applied: true, row: null };
          return putSession({
            session,
            beat: 0,
            state: 'dead',
            maxShards: null,
            host: '',
            boot: '',
            pid: 0,
            version: '',
          });
        }
        if (!isLive(row) || (row.beat !== beat && !without('evict-any-beat'))) return refused<Row>(row);
        bump();
        return putSession({ ...row, state: 'dead' });
      }
      case 'deleteSession': {
        const row = sessions.get(by.write);
        if (row === undefined || (isLive(row) && !without('delete-live-session'))) return refused<Row>(row);
        put(sessions, row.session, null);
        return { applied: true, row: null };
      }
      case 'createShard': {
        const stored = shards.get(by.write.shardId);
        if (stored !== undefined) return refused<Row>(stored);
        bump();
        return putShard(by.write.shardId, { ...by.write, owner: null, token: 0, handOffTo: null }, by);
      }
      case 'deleteShard': {
        const row = shards.get(by.write);
        if (row === undefined || row.position !== SHARD_END || row.owner !== null) return refused<Row>(row);
        return putShard(by.write, null, by);
      }
      case 'take':
      case 'mark':
      case 'checkpoint':
      case 'release':
      case 'finish':
        return writeShard(by);
      default:
        throw by satisfies never;
    }
  };

  const writeShard = (
    by: Extract<Write, { name: 'take' | 'mark' | 'checkpoint' | 'release' | 'finish' }>,
  ) => {
    const { shardId } = by.write;
    const row = shards.get(shardId);
    if (row === undefined) return refused<Row>(row);
    const done = row.position === SHARD_END;
    switch (by.name) {
      case 'take': {
        const { seenOwner, seenToken, me, salvage } = by.write;
        if (hooks.isQuiet() && !without('take-in-quiet')) return refused<Row>(row);
        if (by.write.token <= hooks.lowestToken() && !without('take-in-quiet')) return refused<Row>(row);
        if (row.owner !== seenOwner && !without('take-any-owner')) return refused<Row>(row);
        if (row.token !== seenToken && !without('take-any-token')) return refused<Row>(row);
        if (done && !without('take-finished')) return refused<Row>(row);
        const position = salvage !== null && isBefore(row.position, salvage) ? salvage : row.position;
        const token = without('take-store-token') ? row.token + 1 : by.write.token;
        bump();
        return putShard(shardId, { ...row, owner: me, token, position, handOffTo: null }, by);
      }
      case 'mark': {
        const { seenOwner, seenToken, seenHandOffTo, handOffTo } = by.write;
        const isSeen = row.owner === seenOwner && row.token === seenToken && row.handOffTo === seenHandOffTo;
        if (!isSeen || done) return refused<Row>(row);
        bump();
        return putShard(shardId, { ...row, handOffTo }, by);
      }
      case 'checkpoint':
      case 'release': {
        const { position } = by.write;
        const isMine = owned(row, by.write) || (by.name === 'release' && without('release-any-owner'));
        if (!isMine || (isBefore(position, row.position) && !without('position-backwards')))
          return refused<Row>(row);
        if (by.name === 'checkpoint') return putShard(shardId, { ...row, position }, by);
        bump();
        return putShard(shardId, { ...row, position, owner: null }, by);
      }
      case 'finish':
        if (!owned(row, by.write) && !without('finish-any-owner')) return refused<Row>(row);
        bump();
        return putShard(shardId, { ...row, position: SHARD_END, owner: null, handOffTo: null }, by);
      default:
        return by satisfies never;
    }
  };

  const asOf = <R extends Row>(table: Map<string, R>, at: number): Map<string, R> => {
    if (past.length === 0 || past.at(-1)!.at <= at) return table;
    const then = new Map(table);
    for (let i = past.length - 1; i >= 0 && past[i]!.at > at; i -= 1) {
      const { table: changed, key, before } = past[i]!;
      if (changed !== (table as Map<string, Row>)) continue;
      if (before === undefined) then.delete(key);
      else then.set(key, before as R);
    }
    return then;
  };

  return {
    write,
    app: (at = Infinity): AppRow | null => asOf(app, at).get('') ?? null,
    sessions: (at = Infinity): readonly SessionRow[] => [...asOf(sessions, at).values()],
    shards: (at = Infinity): readonly ShardRow[] => [...asOf(shards, at).values()],
    session: (session: string): SessionRow | null => sessions.get(session) ?? null,
    shard: (shardId: string): ShardRow | null => shards.get(shardId) ?? null,
    bumpRev() {
      const row = app.get('');
      if (row !== undefined) put(app, '', { ...row, rev: row.rev + 1 });
    },
    /** As a replica that did not get the latest writes. */
    forgetSince(at: number) {
      while (past.length > 0 && past.at(-1)!.at > at) {
        const { table, key, before } = past.pop()!;
        if (before === undefined) table.delete(key);
        else table.set(key, before);
      }
    },
  };
}

function isLive({ state }: SessionRow): boolean {
  return state === 'live' || state === 'draining';
}
