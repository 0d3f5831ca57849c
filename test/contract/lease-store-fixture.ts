// What every part of the lease store contract uses: three sessions, one shard, and writes that are watched.

import { expect } from 'chai';
import {
  type LeaseStore,
  LeaseStoreError,
  SCHEMA_VERSION,
  type SessionRow,
  type ShardRow,
  type WriteResult,
} from '../../src/model/lease-store.ts';
import { type Position, sequencePosition, TRIM_HORIZON } from '../../src/model/position.ts';
import { createFaultyLeaseStore, type FaultyLeaseStore } from '../fakes/faulty-lease-store.ts';

export type MakeStore = () => LeaseStore | Promise<LeaseStore>;

export const ALICE = 'host-a/1#aaaa';
export const BOB = 'host-b/2#bbbb';
export const CAROL = 'host-c/3#cccc';
export const SHARD = 'shardId-000000000000';

/** Of different lengths, as real ones are: compared as numbers or as plain strings they would sort wrongly. */
export const EARLY = sequencePosition('999', 7);
export const MIDDLE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 0);
export const LATE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 10);

export const sessionRow = (session: string, changes: Partial<SessionRow> = {}): SessionRow => ({
  session,
  beat: 0,
  state: 'live',
  maxShards: null,
  host: 'host-a',
  pid: 4711,
  version: '1.2.3',
  ...changes,
});

export const shardRow = (changes: Partial<ShardRow> = {}): ShardRow => ({
  shardId: SHARD,
  startsAt: '1',
  parents: [],
  position: TRIM_HORIZON,
  owner: null,
  token: 0,
  handOffTo: null,
  ...changes,
});

export type LeaseStoreFixture = ReturnType<typeof leaseStoreFixture>;

/** Registers the hooks that open and close a store for each test. */
export function leaseStoreFixture(makeStore: MakeStore, exactRev: boolean) {
  let store: FaultyLeaseStore;

  beforeEach(async () => {
    store = createFaultyLeaseStore(await makeStore());
    await store.open();
    await store.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start: TRIM_HORIZON });
  });

  afterEach(() => store.close());

  const rev = async (): Promise<number> => (await store.readTick()).app!.rev;

  const growsPast = async (before: number): Promise<void> => {
    const deadline = Date.now() + 5_000;
    while ((await rev()) <= before) {
      expect(Date.now(), 'rev did not grow in time').to.be.below(deadline);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  /** Runs a write that changes an allocation. */
  const bumping = async <T>(write: () => Promise<T>): Promise<T> => {
    const before = await rev();
    const result = await write();
    if (exactRev) expect(await rev(), 'rev').to.equal(before + 1);
    else await growsPast(before);
    return result;
  };

  /** Runs a write, or a refused one, that changes none. */
  const notBumping = async <T>(write: () => Promise<T>): Promise<T> => {
    const before = await rev();
    const result = await write();
    expect(await rev(), 'rev').to.equal(before);
    return result;
  };

  const refusedWith = async <Row>(write: () => Promise<WriteResult<Row>>, row: Row | null): Promise<void> => {
    const result = await notBumping(write);
    expect(result).to.deep.equal({ applied: false, row });
  };

  const unknown = async (write: () => Promise<unknown>): Promise<void> => {
    const error: unknown = await write().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(LeaseStoreError);
    expect((error as LeaseStoreError).outcome).to.equal('unknown');
  };

  const givenShard = (position: Position = TRIM_HORIZON, parents: readonly string[] = []) =>
    bumping(() => store.createShard({ shardId: SHARD, startsAt: '1', parents, position }));

  const take = (me: string, token: number, seen: Partial<ShardRow> = {}, salvage: Position | null = null) =>
    store.take({
      shardId: SHARD,
      seenOwner: seen.owner ?? null,
      seenToken: seen.token ?? 0,
      me,
      token,
      salvage,
    });

  /** A shard that Alice holds with token 1. */
  const givenAlices = async (position: Position = TRIM_HORIZON): Promise<void> => {
    await givenShard(position);
    await bumping(() => take(ALICE, 1));
  };

  /** Alice was evicted and Bob took over: her next write arrives late. */
  const givenBobTookOver = async (): Promise<ShardRow> => {
    const { row } = await bumping(() => take(BOB, 2, { owner: ALICE, token: 1 }));
    return row!;
  };

  const mine = (position: Position = MIDDLE) => ({ shardId: SHARD, me: ALICE, token: 1, position });

  return {
    /** The store of the running test. */
    get store() {
      return store;
    },
    makeStore,
    exactRev,
    rev,
    bumping,
    notBumping,
    refusedWith,
    unknown,
    givenShard,
    take,
    givenAlices,
    givenBobTookOver,
    mine,
  };
}
