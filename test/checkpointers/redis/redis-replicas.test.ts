// The redis adapter where there are replicas: slots that move, nodes of a cluster that die, beats that count only with a replica.

import { expect } from 'chai';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import { ALICE, BOB, MIDDLE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { newScope, redisStore } from './redis-stores.ts';

const LEASE_MS = 2_000;
const APP = { schemaVersion: 1, leaseDurationMs: LEASE_MS, start: TRIM_HORIZON };
const NEW_SHARD = { shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON };
const MINE = { shardId: SHARD, me: ALICE, token: 1 };
const TAKE = { ...MINE, seenOwner: null, seenToken: 0, salvage: null };
const beat = (n: number) => ({ session: ALICE, beat: n, state: 'live' as const, maxShards: null });

async function given(store: LeaseStore, leaseDurationMs = LEASE_MS): Promise<void> {
  await store.open();
  await store.createApp({ ...APP, leaseDurationMs });
  await store.createSession(sessionRow(ALICE));
  await store.createShard(NEW_SHARD);
  expect((await store.take(TAKE)).applied).to.equal(true);
  expect((await store.beat(beat(1))).applied).to.equal(true);
}

describe('redis lease store, cluster', () => {
  let cluster: RedisCluster;
  before(async function () {
    this.timeout(120_000);
    cluster = await startRedisCluster();
  });
  after(() => cluster?.stop());

  for (const waitReplicas of [0, 1]) {
    it(`follows a slot that moves, and is quiet there; waitReplicas ${waitReplicas}`, async () => {
      const scope = newScope();
      const store = redisStore({ cluster: true, ...cluster.nodes[0], waitReplicas }, scope);
      try {
        await given(store);
        const key = `shardpool:{${scope.application}}:${scope.stream}:app`;
        const before = await cluster.masterOf(key);
        const after = await cluster.moveSlotOf(key);
        expect(after).to.not.equal(before);
        const tick = await store.readTick();
        // Another process, of which nobody can know what it lacks.
        expect(tick.quiet).to.equal(true);
        expect((await store.checkpoint({ ...MINE, position: MIDDLE })).applied).to.equal(true);
        await until('a beat is confirmed', 5_000, async () => {
          const n = Math.round(performance.now());
          return store.beat(beat(n)).then(
            ({ applied }) => applied,
            () => false,
          );
        });
        await until('it is quiet no more', 5_000, async () => !(await store.readTick()).quiet);
      } finally {
        await store.close();
      }
    });
  }

  it('a master that dies: unknown or not applied, then quiet at its replica, then everything as before', async () => {
    const scope = newScope();
    const store = redisStore({ cluster: cluster.nodes }, scope);
    try {
      await given(store);
      let told = 0;
      store.watch!(() => (told += 1));
      await until('it listens', 5_000, () => told > 0);
      const master = await cluster.masterOf(`shardpool:{${scope.application}}:${scope.stream}:app`);
      await until('the replica has it all', 5_000, async () => {
        const info = await master.cli('INFO', 'replication');
        const offset = /master_repl_offset:(\d+)/.exec(info)?.[1];
        return info.includes(`offset=${offset},`);
      });
      await master.kill();
      const error: unknown = await store.checkpoint({ ...MINE, position: MIDDLE }).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(LeaseStoreError);
      const take = await until('the replica took over', 20_000, () =>
        store.take({ ...TAKE, seenOwner: ALICE, seenToken: 1, me: BOB, token: 2 }).catch(() => null),
      );
      expect(take).to.deep.include({ applied: false });
      expect(take.row).to.include({ owner: ALICE, token: 1 });
      expect((await store.readTick()).quiet).to.equal(true);
      await until('a beat is confirmed', 5_000, () =>
        store.beat(beat(2)).then(
          ({ applied }) => applied,
          () => false,
        ),
      );
      await until('it is quiet no more', 5_000, async () => !(await store.readTick()).quiet);
      const before = told;
      expect((await store.release({ ...MINE, position: MIDDLE })).applied).to.equal(true);
      await until('it is told', 10_000, () => told > before);
    } finally {
      await store.close();
    }
  }).timeout(60_000);
});

describe('redis lease store, waitReplicas', () => {
  let master: RedisServer;
  let replica: RedisServer;
  before(async function () {
    this.timeout(120_000);
    master = await startRedisServer();
    replica = await startRedisServer({ settings: { replicaof: `${master.host} ${master.port}` } });
    await until('the replica follows', 10_000, async () =>
      (await master.cli('INFO', 'replication')).includes('state=online'),
    );
  });
  after(async () => {
    await replica?.stop();
    await master?.stop();
  });

  it('a beat counts when a replica has it, and is of unknown outcome when none says so', async () => {
    const store = redisStore({ host: master.host, port: master.port, waitReplicas: 1 });
    try {
      await given(store, 10_000);
      replica.signal('SIGSTOP');
      const started = performance.now();
      const error: unknown = await store.beat(beat(2)).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(LeaseStoreError);
      expect(error).to.include({ outcome: 'unknown', retryable: true });
      expect((error as Error).message).to.equal('A beat reached 0 replicas, not 1');
      expect(performance.now() - started).to.be.below(2_300);
      replica.signal('SIGCONT');
      expect((await store.beat(beat(3))).applied).to.equal(true);
      // One that is refused waits for nobody.
      expect((await store.beat(beat(3))).applied).to.equal(false);
    } finally {
      replica.signal('SIGCONT');
      await store.close();
    }
  });

  it('a replica is no master: it is said when the store opens', async () => {
    const store = redisStore({ host: replica.host, port: replica.port });
    const error: unknown = await store.open().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect((error as Error).message).to.contain('READONLY');
  });
});
