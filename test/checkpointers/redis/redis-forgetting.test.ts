// A Redis that forgets: a fail-over to a replica that lacks the last writes, a restart that lost everything, rows that went back.
// For the length of a lease from then on nobody takes and nobody evicts; and tokens go on growing.

import { expect } from 'chai';
import type { LeaseStore, LeaseStoreScope } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import { ALICE, BOB, MIDDLE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { type RedisSentinels, startRedisSentinels } from '../../support/redis-sentinels.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { newScope, redisStore } from './redis-stores.ts';

const LEASE_MS = 2_000;
const QUIET_MS = 1.5 * LEASE_MS;
const APP = { schemaVersion: 1, leaseDurationMs: LEASE_MS, start: TRIM_HORIZON };
const NEW_SHARD = { shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON };
const MINE = { shardId: SHARD, me: ALICE, token: 1 };
const TAKE = { ...MINE, seenOwner: null, seenToken: 0, salvage: null };

const answers = <T extends object>(call: () => Promise<T>) =>
  until('the store answers', 15_000, () => call().catch(() => null));

/** Alice has a session at beat 1 and holds the shard with token 1. */
async function given(store: LeaseStore): Promise<void> {
  await store.createApp(APP);
  await store.createSession(sessionRow(ALICE));
  await store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null });
  await store.createShard(NEW_SHARD);
  expect((await store.take(TAKE)).applied).to.equal(true);
}

const freshToken = async (store: LeaseStore) => (await store.readTick()).tokenFloor + 1;
const quiet = async (store: LeaseStore) => (await answers(() => store.readTick())).quiet;

async function isLoudAgain(store: LeaseStore): Promise<void> {
  await until('it is quiet no more', QUIET_MS + 3_000, async () => !(await quiet(store)));
}

describe('redis lease store, forgetting: restarts', () => {
  let server: RedisServer;
  const stores: LeaseStore[] = [];
  beforeEach(async function () {
    this.timeout(120_000);
    server = await startRedisServer({ isDurable: true });
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await server.stop();
  });

  async function opened(scope: LeaseStoreScope = newScope(), options = {}): Promise<LeaseStore> {
    const store = redisStore({ host: server.host, port: server.port, ...options }, scope);
    stores.push(store);
    await store.open();
    return store;
  }
  const restart = async () => {
    await server.kill();
    await server.restart();
  };

  it('a restart is followed by quiet: takes and evictions are refused, all that owners write goes on', async () => {
    const store = await opened();
    await given(store);
    const { app: before } = await store.readTick();
    await restart();
    // The very first call of all, before anybody read.
    const take = await answers(() =>
      store.take({ ...TAKE, seenOwner: ALICE, seenToken: 1, me: BOB, token: 2 }),
    );
    const since = performance.now();
    expect(take).to.deep.include({ applied: false });
    expect(take.row).to.include({ owner: ALICE, token: 1 });
    const tick = await store.readTick();
    expect(tick.quiet).to.equal(true);
    expect(tick.app!.rev).to.be.above(before!.rev);
    expect((await store.evict({ session: ALICE, beat: 1 })).applied).to.equal(false);
    expect((await store.evict({ session: 'gone', beat: null })).applied).to.equal(false);
    const beat = await answers(() => store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null }));
    expect(beat.applied).to.equal(true);
    expect((await store.checkpoint({ ...MINE, position: MIDDLE })).applied).to.equal(true);
    const marked = { shardId: SHARD, seenOwner: ALICE, seenToken: 1, seenHandOffTo: null, handOffTo: BOB };
    expect((await store.mark(marked)).applied).to.equal(true);
    expect((await store.release({ ...MINE, position: MIDDLE })).applied).to.equal(true);
    await isLoudAgain(store);
    expect(performance.now() - since).to.be.within(QUIET_MS - 300, QUIET_MS + 1_500);
    const late = { ...TAKE, seenToken: 1, me: BOB, token: 2 };
    expect((await store.take(late)).applied, 'planned before, applied late').to.equal(false);
    expect((await store.take({ ...late, token: await freshToken(store) })).applied).to.equal(true);
    expect((await store.evict({ session: ALICE, beat: 2 })).applied).to.equal(true);
  });

  it('it is noticed once, and by everybody', async () => {
    const scope = newScope();
    const [store, other] = [await opened(scope), await opened(scope)];
    await given(store);
    await restart();
    const { app } = await answers(() => store.readTick());
    expect(await quiet(other)).to.equal(true);
    await isLoudAgain(store);
    const after = await other.readTick();
    expect(after.quiet).to.equal(false);
    expect(after.app!.rev).to.equal(app!.rev);
  });

  it('the floor of tokens is the time of the server, and does not sink with its clock', async () => {
    const store = await opened();
    const before = Date.now();
    const { tokenFloor } = await store.readTick();
    expect(tokenFloor).to.be.within(before - 5, Date.now() + 5);
    expect((await store.readAll()).tokenFloor).to.be.at.least(tokenFloor);
  });

  it('everything was lost, and somebody is there who knows: quiet from the first look on', async () => {
    const scope = newScope();
    const store = await opened(scope);
    await given(store);
    const { app: before } = await store.readTick();
    await server.cli('FLUSHALL');
    expect(await store.readTick()).to.deep.include({ app: null, quiet: true });
    expect((await store.take(TAKE)).applied).to.equal(false);
    await store.createApp(APP);
    await store.createShard(NEW_SHARD);
    const { app, quiet: isQuiet } = await store.readTick();
    expect(isQuiet).to.equal(true);
    expect(app!.rev).to.be.above(before!.rev);
    const taken = await store.take({ ...TAKE, token: 2 });
    expect(taken).to.deep.include({ applied: false });
    await isLoudAgain(store);
    expect((await store.take({ ...TAKE, token: await freshToken(store) })).applied).to.equal(true);
  });

  it('somebody who does not know makes the app row anew; who knows makes it quiet', async () => {
    const scope = newScope();
    const store = await opened(scope);
    await given(store);
    await store.readTick();
    await server.cli('FLUSHALL');
    const stranger = await opened(scope);
    await stranger.createApp(APP);
    expect((await stranger.readTick()).quiet).to.equal(false);
    expect((await store.readTick()).quiet).to.equal(true);
    expect((await stranger.readTick()).quiet).to.equal(true);
    await isLoudAgain(store);
  });

  it('a young server without our rows may have lost them: quiet until it is old enough', async () => {
    const store = await opened(newScope(), { trustEmpty: false });
    await store.createApp({ ...APP, leaseDurationMs: 6_000 });
    await store.createShard(NEW_SHARD);
    expect((await store.readTick()).quiet).to.equal(true);
    expect((await store.take(TAKE)).applied).to.equal(false);
    await until('the server is old enough', 12_000, async () => !(await store.readTick()).quiet);
    expect((await store.take({ ...TAKE, token: await freshToken(store) })).applied).to.equal(true);
    // Old enough for the next application.
    const next = await opened(newScope(), { trustEmpty: false });
    await next.createApp(APP);
    expect((await next.readTick()).quiet).to.equal(false);
  });

  it('only the app row was lost: quiet, whatever is trusted', async () => {
    const scope = newScope();
    await given(await opened(scope));
    await server.cli('DEL', `shardpool:{${scope.application}}:${scope.stream}:app`);
    const store = await opened(scope);
    await store.createApp(APP);
    expect((await store.readTick()).quiet).to.equal(true);
  });

  it('rows that went back are noticed by who saw them further: quiet, though the same process serves', async () => {
    const scope = newScope();
    const store = await opened(scope);
    await given(store);
    const keys = ['app', 'sessions', 'shards'].map(
      (name) => `shardpool:{${scope.application}}:${scope.stream}:${name}`,
    );
    for (const key of keys) await server.cli('COPY', key, `${key}:old`);
    await store.mark({ shardId: SHARD, seenOwner: ALICE, seenToken: 1, seenHandOffTo: null, handOffTo: BOB });
    const { app: before } = await store.readTick();
    for (const key of keys) await server.cli('COPY', `${key}:old`, key, 'REPLACE');
    const { app, quiet: isQuiet } = await store.readTick();
    expect(isQuiet).to.equal(true);
    expect(app!.rev).to.be.above(before!.rev);
    await isLoudAgain(store);
  });
});

describe('redis lease store, forgetting: fail-over by Sentinels', () => {
  let group: RedisSentinels;
  const stores: LeaseStore[] = [];
  before(async function () {
    this.timeout(120_000);
    group = await startRedisSentinels();
  });
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
  after(() => group?.stop());

  it('a master that the Sentinels do not know is named when the store opens', async () => {
    const store = redisStore({ sentinels: group.sentinels, sentinelName: 'nobody' });
    const error: unknown = await store.open().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect((error as Error).message).to.match(/'nobody' of the Sentinels at .*No such master with that name/);
  });

  it('a take that the replica did not get is forgotten: refused for a lease, then taken with a greater token', async () => {
    const scope = newScope();
    const options = { sentinels: group.sentinels, sentinelName: group.masterName };
    const [alice, bob] = [redisStore(options, scope), redisStore(options, scope)];
    stores.push(alice, bob);
    await Promise.all([alice.open(), bob.open()]);
    await alice.createApp(APP);
    await alice.createSession(sessionRow(ALICE));
    await alice.createShard(NEW_SHARD);
    await group.inStep();
    // The replica hears no more of the master, so what Alice is told to have is known to the master alone.
    const master = await group.master();
    const replica = group.servers.find((server) => server !== master)!;
    await replica.cli('REPLICAOF', replica.host, '1');
    const { tokenFloor } = await alice.readTick();
    const aliceToken = tokenFloor + 1;
    expect((await alice.take({ ...TAKE, token: aliceToken })).applied).to.equal(true);
    await master.kill();

    const seen = await until('Bob reads what the replica knows', 20_000, () =>
      bob.readAll().catch(() => null),
    );
    const since = performance.now();
    expect(seen.quiet).to.equal(true);
    expect(seen.shards[0]).to.include({ owner: null, token: 0 });
    const bobs = { ...TAKE, me: BOB, token: seen.tokenFloor + 1 };
    expect(bobs.token).to.be.above(aliceToken);
    expect((await bob.take(bobs)).applied).to.equal(false);
    expect((await bob.evict({ session: ALICE, beat: 0 })).applied).to.equal(false);
    const late = await answers(() => alice.checkpoint({ ...MINE, token: aliceToken, position: MIDDLE }));
    expect(late.applied).to.equal(false);
    await isLoudAgain(bob);
    expect(performance.now() - since).to.be.above(QUIET_MS - 300);
    expect((await bob.take(bobs)).applied, 'planned before, applied late').to.equal(false);
    expect((await bob.take({ ...bobs, token: await freshToken(bob) })).applied).to.equal(true);
    const beat = await answers(() => alice.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null }));
    expect(beat.applied).to.equal(true);
  }).timeout(60_000);
});
