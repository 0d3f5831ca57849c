// What a case of the lease store contract works with: stores that are opened for it and closed after it, and writes
// whose result, stored row and effect on `rev` are checked together.

import assert from 'node:assert/strict';
import {
  type LeaseStore,
  type LeaseStoreScope,
  SCHEMA_VERSION,
  type SessionRow,
  type ShardRow,
  type WriteResult,
} from '../../model/lease-store.ts';
import { type Position, TRIM_HORIZON } from '../../model/position.ts';
import type { Clock } from '../../platform/clock.ts';
import { delay, settledWithin, type Timers } from '../../platform/timers.ts';
import { BOB, newShard, shardRow, takeWrite, ALICE } from './rows.ts';

/**
 * Makes a store that is not opened yet. The scope is new in each case, so it has no rows at first; made twice with an equal
 * scope, two stores stand for the same rows.
 */
export type MakeLeaseStore = (scope: LeaseStoreScope) => LeaseStore | Promise<LeaseStore>;

/** What belongs to the process. */
export interface Surroundings {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Different at each call, also from other processes. */
  readonly newName: () => string;
}

export interface SettingOptions {
  readonly exactRev: boolean;
  readonly deadlineMs: number;
}

/** For what may come late: a change of `rev` that is coalesced, a read that is stale, a notification. */
const SOON_MS = 5_000;
const LOOK_AGAIN_MS = 10;
const CLOSE_MS = 10_000;

/** Runs one case, closes what it opened and fails when either takes too long. */
export async function runCase(
  run: (setting: Setting) => Promise<void>,
  makeStore: MakeLeaseStore,
  options: SettingOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { timers } = surroundings;
  const opened: LeaseStore[] = [];
  const work = (async () => run(await openSetting(makeStore, options, surroundings, opened)))();
  const isOver = await settledWithin(timers, work, options.deadlineMs);
  const closed = Promise.all(opened.map((store) => store.close()));
  const isClosed = await settledWithin(timers, closed, CLOSE_MS);
  assert.ok(isOver, `The case did not end within ${options.deadlineMs} ms`);
  await work;
  assert.ok(isClosed, `close() did not end within ${CLOSE_MS} ms`);
  await closed;
}

export type Setting = Awaited<ReturnType<typeof openSetting>>;

async function openSetting(
  makeStore: MakeLeaseStore,
  { exactRev }: SettingOptions,
  { clock, timers, newName }: Surroundings,
  opened: LeaseStore[],
) {
  /** Another store; without a scope over the same rows as `store`. Closed after the case. */
  const connect = async (at: LeaseStoreScope = scope): Promise<LeaseStore> => {
    const made = await makeStore(at);
    opened.push(made);
    await made.open();
    return made;
  };

  /** A scope that nobody used before. */
  const newScope = (): LeaseStoreScope => ({ application: `contract-${newName()}`, stream: 'orders' });

  /** Looks again until it holds or too much time has passed. */
  const soon = async (holds: () => Promise<void> | void): Promise<void> => {
    const deadline = clock.monotonic() + SOON_MS;
    for (;;) {
      try {
        return await holds();
      } catch (error) {
        if (clock.monotonic() > deadline) throw error;
        await delay(timers, LOOK_AGAIN_MS);
      }
    }
  };

  const rev = async (): Promise<number> => {
    const { app } = await store.readTick();
    assert.ok(app !== null, 'The app row is gone');
    return app.rev;
  };

  /** What the result says is what the store holds. */
  const isStored = async (row: SessionRow | ShardRow | null): Promise<void> => {
    if (row === null || !('shardId' in row || 'session' in row)) return;
    const stored =
      'shardId' in row ? await store.readShard(row.shardId) : await store.readSession(row.session);
    same(stored, row);
  };

  /** Runs what changes an allocation once: `rev` grows by 1. */
  const counted = async <T>(write: () => Promise<T>): Promise<T> => {
    const before = await rev();
    const result = await write();
    if (exactRev) assert.equal(await rev(), before + 1, 'rev must grow by 1');
    else await soon(async () => assert.ok((await rev()) > before, 'rev must grow'));
    return result;
  };

  /** Runs what changes no allocation: `rev` stays. */
  const uncounted = async <T>(write: () => Promise<T>): Promise<T> => {
    const before = await rev();
    const result = await write();
    assert.equal(await rev(), before, 'rev must stay');
    return result;
  };

  const checked = async <Row extends SessionRow | ShardRow>(
    result: WriteResult<Row>,
    applied: boolean,
    row: Row | null,
  ): Promise<void> => {
    same(result, { applied, row });
    await isStored(row);
  };

  /** Applied, with that row afterwards, and `rev` grows. */
  const changes = async <Row extends SessionRow | ShardRow>(
    write: () => Promise<WriteResult<Row>>,
    row: Row | null,
  ): Promise<void> => checked(await counted(write), true, row);

  /** Applied, with that row afterwards, and `rev` stays. */
  const applies = async <Row extends SessionRow | ShardRow>(
    write: () => Promise<WriteResult<Row>>,
    row: Row | null,
  ): Promise<void> => checked(await uncounted(write), true, row);

  /** Refused, with the row as it is, and `rev` stays. */
  const refuses = async <Row extends SessionRow | ShardRow>(
    write: () => Promise<WriteResult<Row>>,
    row: Row | null,
  ): Promise<void> => checked(await uncounted(write), false, row);

  const givenShard = async (position: Position = TRIM_HORIZON): Promise<ShardRow> => {
    const row = shardRow({ position });
    await changes(() => store.createShard(newShard({ position })), row);
    return row;
  };

  /** A shard that Alice holds with token 1. */
  const givenAlices = async (position: Position = TRIM_HORIZON): Promise<ShardRow> => {
    await givenShard(position);
    const row = shardRow({ position, owner: ALICE, token: 1 });
    await changes(() => store.take(takeWrite()), row);
    return row;
  };

  /** Alice held it with token 1, and Bob took over with token 2: what Alice still writes comes late. */
  const givenBobs = async (position: Position = TRIM_HORIZON): Promise<ShardRow> => {
    await givenAlices(position);
    const row = shardRow({ position, owner: BOB, token: 2 });
    await changes(() => store.take(takeWrite({ seenOwner: ALICE, seenToken: 1, me: BOB, token: 2 })), row);
    return row;
  };

  const scope = newScope();
  const store = await connect();
  await store.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start: TRIM_HORIZON });
  return {
    scope,
    store,
    exactRev,
    connect,
    newScope,
    newName,
    soon,
    rev,
    counted,
    changes,
    applies,
    refuses,
    givenShard,
    givenAlices,
    givenBobs,
  };
}

/** Compared as plain data: whether a store answers with frozen rows or with objects of its own class is its business. */
export function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(structuredClone(actual), structuredClone(expected));
}
