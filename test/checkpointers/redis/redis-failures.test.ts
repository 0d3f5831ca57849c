// The redis adapter when the server hangs, dies, refuses, or loses what was said: honest outcomes, in time, and back by itself.

import { expect } from 'chai';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import { ALICE, BOB, MIDDLE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { type RedisProxy, startRedisProxy } from '../../support/redis-proxy.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { until, within } from '../../support/until.ts';
import { newScope, redisStore } from './redis-stores.ts';

const APP = { schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON };
const NEW_SHARD = { shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON };
const TAKE = { shardId: SHARD, seenOwner: null, seenToken: 0, me: ALICE, token: 1, salvage: null };

async function failure(call: Promise<unknown>): Promise<LeaseStoreError> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(LeaseStoreError);
  return error as LeaseStoreError;
}

async function outcomes(calls: readonly Promise<unknown>[]): Promise<string[]> {
  return Promise.all(calls.map(async (call) => (await failure(call)).outcome));
}

describe('redis lease store, failures', () => {
  let server: RedisServer;
  let proxy: RedisProxy;
  const stores: LeaseStore[] = [];
  before(async function () {
    this.timeout(120_000);
    server = await startRedisServer({ isDurable: true });
  });
  beforeEach(async () => {
    proxy = await startRedisProxy(server);
  });
  afterEach(async () => {
    await within('all stores close', 5_000, Promise.all(stores.splice(0).map((store) => store.close())));
    await proxy.stop();
  });
  after(() => server?.stop());

  async function opened(port = proxy.port, scope = newScope()): Promise<LeaseStore> {
    const store = redisStore({ host: '127.0.0.1', port }, scope);
    stores.push(store);
    await store.open();
    await store.createApp(APP);
    return store;
  }
  const answersAgain = (store: LeaseStore) =>
    until('the store answers again', 8_000, () =>
      store.readTick().then(
        () => true,
        () => false,
      ),
    );

  for (const fault of ['lose-replies', 'reset-on-reply'] as const) {
    it(`${fault}: a write that was applied is of unknown outcome, a read is not; repeated, the write says so`, async () => {
      const store = await opened();
      await store.createSession(sessionRow(ALICE));
      await store.createShard(NEW_SHARD);
      // The server knows the script from now on: else only the question for it would arrive.
      await store.take({ ...TAKE, shardId: 'none' });
      proxy.fail(fault);
      const started = performance.now();
      expect(await outcomes([store.take(TAKE), store.readShard(SHARD)])).to.deep.equal([
        'unknown',
        'not-applied',
      ]);
      expect(performance.now() - started).to.be.below(4_500);
      proxy.heal();
      await answersAgain(store);
      // Applied once: the second attempt sees the first.
      const again = await store.take(TAKE);
      expect(again).to.deep.include({ applied: false });
      expect(again.row).to.include({ owner: ALICE, token: 1 });
      expect((await store.checkpoint({ ...TAKE, position: MIDDLE })).applied).to.equal(true);
    });
  }

  it('stalled: a beat ends within 2 s and the others within 4 s, of unknown outcome; reads are not applied', async () => {
    const store = await opened();
    await store.createSession(sessionRow(ALICE));
    await store.createShard(NEW_SHARD);
    proxy.fail('stall');
    const made = proxy.connections;
    const started = performance.now();
    const timed = (call: Promise<unknown>) =>
      failure(call).then(({ outcome }) => ({ outcome, ms: performance.now() - started }));
    const [beat, take, read] = await Promise.all([
      timed(store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null })),
      timed(store.take(TAKE)),
      timed(store.readAll()),
    ]);
    expect(beat.outcome).to.equal('unknown');
    expect(beat.ms).to.be.within(1_500, 2_300);
    expect(take.outcome).to.equal('unknown');
    expect(take.ms).to.be.within(3_000, 4_300);
    expect(read.outcome).to.equal('not-applied');
    // A far end that says nothing may be gone: both connections are made anew, without being told.
    await until('connections are made anew', 3_000, () => proxy.connections >= made + 2);
    proxy.heal();
    await answersAgain(store);
    expect((await store.readShard(SHARD))!.owner).to.equal(null);
  });

  it('a call while a bulky one is stuck: the beat goes over a connection of its own', async () => {
    const store = await opened(server.port);
    await store.createSession(sessionRow(ALICE));
    const before = (await server.cli('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes('cmd=eval'));
    await store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null });
    const after = (await server.cli('CLIENT', 'LIST'))
      .split('\n')
      .filter((line) => line.includes('cmd=eval'));
    expect(after.length).to.equal(before.length + 1);
  });

  it('a server that is stopped and goes on: what was sent is applied late and does no harm', async () => {
    const scope = newScope();
    const store = await opened(server.port, scope);
    await store.createSession(sessionRow(ALICE));
    await store.createShard(NEW_SHARD);
    server.signal('SIGSTOP');
    try {
      const beat = store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null });
      expect(await outcomes([beat, store.take(TAKE)])).to.deep.equal(['unknown', 'unknown']);
    } finally {
      server.signal('SIGCONT');
    }
    await answersAgain(store);
    const row = await until('the late take is applied', 5_000, async () => {
      const found = await store.readShard(SHARD);
      return found?.owner === ALICE ? found : null;
    });
    expect(row.token).to.equal(1);
    expect((await store.readSession(ALICE))!.beat).to.equal(1);
    expect((await store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null })).applied).to.equal(
      true,
    );
  });

  it('a late release after the next owner took is refused', async () => {
    const scope = newScope();
    const [mine, theirs] = [await opened(server.port, scope), await opened(proxy.port, scope)];
    await mine.createShard(NEW_SHARD);
    await mine.take(TAKE);
    proxy.fail('lose-replies');
    const lost = failure(theirs.take({ ...TAKE, seenOwner: ALICE, seenToken: 1, me: BOB, token: 2 }));
    await until('the take arrived', 5_000, async () => (await mine.readShard(SHARD))?.owner === BOB);
    const { applied, row } = await mine.release({ ...TAKE, position: MIDDLE });
    expect(applied).to.equal(false);
    expect(row).to.include({ owner: BOB, token: 2 });
    expect((await lost).outcome).to.equal('unknown');
  });

  it('a server that dies and comes back: certainly not applied while it is away, and the store recovers by itself', async () => {
    const store = await opened(server.port);
    await store.createSession(sessionRow(ALICE));
    await server.kill();
    await until('the loss is noticed', 5_000, async () => {
      const { outcome } = await failure(
        store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null }),
      );
      return outcome === 'not-applied';
    });
    // The other line may notice by this very call.
    const error = await until('the other line notices it', 5_000, async () => {
      const found = await failure(store.createShard(NEW_SHARD));
      return found.outcome === 'not-applied' ? found : null;
    });
    expect(error.retryable).to.equal(true);
    expect(error.message).to.match(/connection to Redis at 127/);
    await server.restart();
    await answersAgain(store);
    // Within the back-off of a second.
    const beat = await store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null });
    expect(beat.applied).to.equal(true);
  });

  it('close while the server hangs ends soon, and calls that are under way end with it', async () => {
    const store = await opened();
    proxy.fail('stall');
    const call = failure(store.readAll());
    await within('close', 2_000, store.close());
    expect((await call).outcome).to.equal('not-applied');
    expect((await failure(store.readAll())).message).to.contain('closed');
  });

  it('a script that the server does not know any more is sent again', async () => {
    const store = await opened(server.port);
    await server.cli('SCRIPT', 'FLUSH');
    expect((await store.createShard(NEW_SHARD)).applied).to.equal(true);
  });

  it('each call is one request', async () => {
    const store = await opened(server.port);
    const session = sessionRow(ALICE);
    const mine = { shardId: SHARD, me: ALICE, token: 1 };
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      readTick: () => store.readTick(),
      readAll: () => store.readAll(),
      readSession: () => store.readSession(ALICE),
      readShard: () => store.readShard(SHARD),
      createApp: () => store.createApp(APP),
      createSession: () => store.createSession(session),
      beat: () => store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null }),
      createShard: () => store.createShard(NEW_SHARD),
      take: () => store.take(TAKE),
      mark: () =>
        store.mark({ shardId: SHARD, seenOwner: ALICE, seenToken: 1, seenHandOffTo: null, handOffTo: BOB }),
      checkpoint: () => store.checkpoint({ ...mine, position: MIDDLE }),
      release: () => store.release({ ...mine, position: MIDDLE }),
      replaceShard: () => store.replaceShard({ ...NEW_SHARD, seenStartsAt: '1' }),
      finish: () => store.finish(mine),
      deleteShard: () => store.deleteShard(SHARD),
      end: () => store.end(ALICE),
      evict: () => store.evict({ session: ALICE, beat: 1 }),
      deleteSession: () => store.deleteSession(ALICE),
    };
    const sent = async () => {
      const stats = await server.cli('INFO', 'commandstats');
      const count = (name: string) =>
        Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
      return count('evalsha') + count('eval');
    };
    for (const [name, call] of Object.entries(calls)) {
      await call().catch(() => undefined);
      const before = await sent();
      await call();
      expect((await sent()) - before, name).to.equal(1);
    }
  });
});
