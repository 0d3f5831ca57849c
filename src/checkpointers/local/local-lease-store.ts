// The lease store of one host: rows in an lmdb file that all its processes share and that outlives them.

import {
  type AppRow,
  type LeaseStore,
  LeaseStoreError,
  type LeaseStoreScope,
  type SessionRow,
  type ShardRow,
  type WriteResult,
} from '../../model/lease-store.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { settledWithin, systemTimers, type Timers, unrefTimers } from '../../platform/timers.ts';
import { type ChangeWatch, watchChanges } from './change-watch.ts';
import { commitDraft, type Draft, drawDraft, type DrawnDraft, ensureHead, type RowView } from './draft.ts';
import { type Environment, openEnvironment, type Rows } from './environment.ts';
import { freeBytesOf } from './file-system.ts';
import { localKeys, type RowKind } from './local-keys.ts';
import { readError, reasonOf, writeError } from './local-errors.ts';
import type { LocalOptions } from './local-options.ts';
import { decodeApp, decodeSession, decodeShard, encodeRow } from './local-rows.ts';
import * as rowChanges from './row-changes.ts';
import { createWriteQueue, type WriteQueue } from './write-queue.ts';

interface RowTypes {
  readonly app: AppRow;
  readonly session: SessionRow;
  readonly shard: ShardRow;
}

const DECODE: { readonly [Kind in RowKind]: (key: Buffer, text: string) => RowTypes[Kind] } = {
  app: decodeApp,
  session: decodeSession,
  shard: decodeShard,
};

/** A beat is of use for a short time only: the next one says more. */
const BEAT_LIMIT_MS = 2_000;
const WRITE_LIMIT_MS = 4_000;
const FORGETS_NOTHING = { quiet: false, tokenFloor: 0 };

/** What belongs to the host and the process. */
export interface LocalSurroundings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  /** Of the file system of that directory; null where that is not known. */
  readonly freeBytes: (directory: string) => number | null;
}

const SYSTEM: LocalSurroundings = {
  clock: systemClock,
  timers: systemTimers,
  random: Math.random,
  freeBytes: freeBytesOf,
};

/**
 * More than one transaction takes. lmdb is not asked to write where there is no room: after a write that failed it has damaged the
 * memory of its process.
 */
const ROOM_BYTES = 4 * 2 ** 20;

/** Every write is one transaction of lmdb, on the condition that nobody wrote to the scope since what it answers was read. */
export function createLocalLeaseStore(
  options: LocalOptions,
  scope: LeaseStoreScope,
  { clock, timers, random, freeBytes }: LocalSurroundings = SYSTEM,
): LeaseStore {
  const keys = localKeys(scope);
  let state: 'new' | 'open' | 'closed' = 'new';
  let environment: Environment | null = null;
  let queue: WriteQueue<DrawnDraft> | null = null;
  let watching: ChangeWatch | null = null;

  const opened = (): Environment => {
    if (environment === null || state !== 'open') {
      throw new LeaseStoreError(
        'not-applied',
        `The lease store is ${state === 'new' ? 'not open yet' : 'closed'}`,
      );
    }
    return environment;
  };

  /** What others wrote until now is seen, and no snapshot is kept, which would keep all that is written later. */
  const reading = async <T>(read: (rows: Rows) => T): Promise<T> => {
    const { file, rows } = opened();
    try {
      rows.resetReadTxn();
      return read(rows);
    } catch (cause) {
      throw readError(file, cause);
    } finally {
      rows.resetReadTxn();
    }
  };

  const rowOf = <Kind extends RowKind>(rows: RowView, kind: Kind, id?: string): RowTypes[Kind] | null => {
    const key = keys.of(kind, id);
    const text = rows.get(key);
    return text === undefined ? null : DECODE[kind](key, text);
  };

  const allOf = <Kind extends 'session' | 'shard'>(rows: Rows, kind: Kind): RowTypes[Kind][] =>
    [...rows.getRange(keys.range(kind))].map(({ key, value }) => DECODE[kind](key, value));

  const writing = async <T>(withinMs: number, step: (draft: Draft) => T): Promise<T> => {
    opened();
    return queue!.run(withinMs, step);
  };

  /** All that can be refused is read before the first row is written. */
  const change = <Kind extends RowKind>(
    kind: Kind,
    id: string | undefined,
    decide: (row: RowTypes[Kind] | null) => RowTypes[Kind] | null,
    { movesRev = false, withinMs = WRITE_LIMIT_MS } = {},
  ): Promise<WriteResult<RowTypes[Kind]>> =>
    writing(withinMs, (draft) => {
      const row = rowOf(draft, kind, id);
      const next = decide(row);
      if (next === null) return { applied: false, row };
      const app = movesRev ? rowOf(draft, 'app') : null;
      draft.put(keys.of(kind, id), encodeRow(next));
      if (app !== null) draft.put(keys.of('app'), encodeRow({ ...app, rev: app.rev + 1 }));
      return { applied: true, row: next };
    });

  const remove = <Kind extends 'session' | 'shard'>(
    kind: Kind,
    id: string,
    may: (row: RowTypes[Kind]) => boolean,
  ): Promise<WriteResult<RowTypes[Kind]>> =>
    writing(WRITE_LIMIT_MS, (draft) => {
      const row = rowOf(draft, kind, id);
      if (row === null || !may(row)) return { applied: false, row };
      draft.remove(keys.of(kind, id));
      return { applied: true, row: null };
    });

  const refuseUnsafe = ({ file, isInPlace }: Environment): void => {
    if (!isInPlace()) throw new LeaseStoreError('not-applied', `${file} was removed or replaced`);
    const free = freeBytes(options.path);
    if (free === null || free >= ROOM_BYTES) return;
    const message = `No room for ${file}: the file system has ${free} bytes left, and ${ROOM_BYTES} are kept free`;
    throw new LeaseStoreError('not-applied', message, { retryable: true });
  };

  const changeShard = (shardId: string, decide: (row: ShardRow | null) => ShardRow | null, movesRev = true) =>
    change('shard', shardId, decide, { movesRev });

  return {
    isLocal: true,

    async open() {
      if (state === 'closed') opened();
      const head = keys.of('head');
      const found = await openEnvironment(options.path, { clock, timers, patienceMs: WRITE_LIMIT_MS });
      const { file, rows, lock } = found;
      await ensureHead(rows, head);
      queue = createWriteQueue({
        clock,
        timers,
        random,
        soon: () => new Promise((resolve) => setImmediate(resolve)),
        lock,
        draw: () => drawDraft(rows, head),
        async commit(draft) {
          refuseUnsafe(found);
          try {
            return await commitDraft(rows, head, draft);
          } catch (error) {
            throw await reasonOf(error);
          }
        },
        toError: (cause) => writeError(file, cause),
      });
      environment = found;
      state = 'open';
    },
    async close() {
      if (state === 'closed') return;
      state = 'closed';
      watching?.close();
      // Where the disk or another process stands still, lmdb is left as it is.
      if (queue !== null && !(await settledWithin(timers, queue.idle(), WRITE_LIMIT_MS))) return;
      await environment?.release();
    },
    watch(onChange) {
      const { file, rows } = opened();
      watching?.close();
      watching = watchChanges({
        file,
        timers: unrefTimers,
        rev: () => {
          try {
            rows.resetReadTxn();
            return rowOf(rows, 'app')?.rev ?? null;
          } catch {
            return null;
          } finally {
            rows.resetReadTxn();
          }
        },
        onChange,
      });
    },

    readTick: () =>
      reading((rows) => ({ app: rowOf(rows, 'app'), sessions: allOf(rows, 'session'), ...FORGETS_NOTHING })),
    readAll: () =>
      reading((rows) => ({
        app: rowOf(rows, 'app'),
        sessions: allOf(rows, 'session'),
        shards: allOf(rows, 'shard'),
        ...FORGETS_NOTHING,
      })),
    readSession: (session) => reading((rows) => rowOf(rows, 'session', session)),
    readShard: (shardId) => reading((rows) => rowOf(rows, 'shard', shardId)),

    createApp: (write) => change('app', undefined, (row) => rowChanges.createdApp(row, write)),
    createSession: (write) =>
      change('session', write.session, (row) => rowChanges.createdSession(row, write)),
    beat: (write) =>
      change('session', write.session, (row) => rowChanges.beaten(row, write), { withinMs: BEAT_LIMIT_MS }),
    end: (session) => change('session', session, rowChanges.ended),
    evict: (write) =>
      change('session', write.session, (row) => rowChanges.evicted(row, write), { movesRev: true }),
    deleteSession: (session) => remove('session', session, rowChanges.mayDeleteSession),

    createShard: (write) => changeShard(write.shardId, (row) => rowChanges.createdShard(row, write)),
    replaceShard: (write) => changeShard(write.shardId, (row) => rowChanges.replaced(row, write)),
    take: (write) => changeShard(write.shardId, (row) => rowChanges.taken(row, write)),
    mark: (write) => changeShard(write.shardId, (row) => rowChanges.marked(row, write)),
    checkpoint: (write) => changeShard(write.shardId, (row) => rowChanges.checkpointed(row, write), false),
    release: (write) => changeShard(write.shardId, (row) => rowChanges.released(row, write)),
    finish: (write) => changeShard(write.shardId, (row) => rowChanges.finished(row, write)),
    deleteShard: (shardId) => remove('shard', shardId, rowChanges.mayDeleteShard),
  };
}
