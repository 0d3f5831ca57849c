// What a user of Redis must be allowed to do, and what is said when something is refused, unreachable or not ours.

import { expect } from 'chai';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import type { SpecOptions } from '../../../src/model/specs.ts';
import { leaseStoreContract } from '../../contract/lease-store.ts';
import { ALICE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { freePort, type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { until, within } from '../../support/until.ts';
import { newScope, redisStore } from './redis-stores.ts';

/** As the documentation lists them. */
const RIGHTS =
  '~shardpool:* &shardpool:* -@all +evalsha +eval +hget +hset +hdel +hmget +hgetall +hlen +time +info +publish ' +
  '+subscribe +ping +select';
const APP = { schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON };

async function failure(call: Promise<unknown>): Promise<LeaseStoreError> {
  const error: unknown = await within('the call fails', 6_000, call).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(LeaseStoreError);
  return error as LeaseStoreError;
}

/** Everything that a log could show of it. */
function shown(error: unknown): string {
  const { message, stack, cause, command } = error as Error & { command?: unknown };
  return [message, stack, JSON.stringify(command), cause === undefined ? '' : shown(cause)].join('\n');
}

describe('redis lease store, access', () => {
  let server: RedisServer;
  const PASSWORD = 'open-sesame';
  before(async function () {
    this.timeout(120_000);
    server = await startRedisServer({ password: PASSWORD });
    await server.cli('ACL', 'SETUSER', 'pool', 'on', '>pool-pass', ...RIGHTS.split(' '));
  });
  after(() => server?.stop());
  const at = (options = {}) => ({ host: server.host, port: server.port, ...options });
  const refused = async (options: SpecOptions): Promise<LeaseStoreError> =>
    failure(redisStore(options).open());

  for (const protocol of [2, 3]) {
    leaseStoreContract(
      `redis, a user with the least rights, protocol ${protocol}`,
      (scope) => redisStore(at({ username: 'pool', password: 'pool-pass', db: 1, protocol }), scope),
      { watch: true },
    );
  }

  // Of the rights, all but those that only a watch needs.
  for (const right of [
    '+evalsha',
    '+hget',
    '+hmget',
    '+hdel',
    '+hlen',
    '+time',
    '+info',
    '+publish',
    '&shardpool:*',
    '~shardpool:*',
  ]) {
    it(`a user without ${right} is told so when the store opens`, async () => {
      const rights = RIGHTS.split(' ').filter((each) => each !== right);
      await server.cli('ACL', 'SETUSER', 'poor', 'reset', 'on', '>poor-pass', ...rights);
      const error = await refused(at({ username: 'poor', password: 'poor-pass' }));
      expect(error.message).to.match(/NOPERM|can't|permission/);

      expect(error.code).to.equal('ERR_LEASE_STORE');
      expect(error.retryable).to.equal(false);
    });
  }

  for (const protocol of [2, 3]) {
    it(`wrong or no password: at once, without showing it; protocol ${protocol}`, async () => {
      const wrong = await refused(at({ password: 'hunter2', protocol }));
      expect(wrong.message).to.match(/Cannot connect to Redis at 127.0.0.1:\d+: WRONGPASS/);
      const user = await refused(at({ username: 'nobody', password: 'hunter2', protocol }));
      expect(user.message).to.match(/WRONGPASS/);
      const none = await refused(at({ protocol }));
      expect(none.message).to.match(/NOAUTH/);
      for (const error of [wrong, user, none]) expect(shown(error)).to.not.contain('hunter2');
    });
  }

  it('unreachable: at once', async () => {
    const port = await freePort();
    const started = performance.now();
    expect((await refused({ host: '127.0.0.1', port })).message).to.match(/ECONNREFUSED/);
    expect((await refused({ cluster: [{ host: '127.0.0.1', port }] })).message).to.match(/ECONNREFUSED/);
    const sentinels = [{ host: '127.0.0.1', port }];
    expect((await refused({ sentinels, sentinelName: 'm' })).message).to.match(/ECONNREFUSED/);
    expect((await refused({ host: 'no-such-host.invalid', port })).message).to.match(/ENOTFOUND|EAI_AGAIN/);
    expect(performance.now() - started).to.be.below(5_000);
  });

  it('a cluster where there is none', async () => {
    const error = await refused({ cluster: [{ host: server.host, port: server.port }], password: PASSWORD });
    expect(error.message).to.match(/cluster support disabled/);
  });

  it('TLS where there is none', async () => {
    expect((await refused(at({ tls: true, password: PASSWORD }))).message).to.match(/Cannot connect/);
  });

  it('a certificate that nobody vouches for', async () => {
    const secure = await startRedisServer({ isTls: true });
    try {
      const error = await refused({ url: `rediss://127.0.0.1:${secure.port}` });
      expect(error.message).to.match(/certificate/i);
      const trusted = redisStore({
        url: `rediss://127.0.0.1:${secure.port}`,
        tls: { rejectUnauthorized: false },
      });
      await trusted.open();
      await trusted.close();
    } finally {
      await secure.stop();
    }
  });

  describe('what is under our keys and not ours', () => {
    const admin = { password: PASSWORD };
    const stores: LeaseStore[] = [];
    afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

    async function opened() {
      const scope = newScope();
      const store = redisStore(at(admin), scope);
      stores.push(store);
      await store.open();
      const key = (name: string) => `shardpool:{${scope.application}}:${scope.stream}:${name}`;
      return { scope, store, key };
    }

    for (const name of ['app', 'sessions', 'shards']) {
      it(`something else than a hash at ${name}: named when the store opens and when it is met, and left alone`, async () => {
        const { scope, store, key } = await opened();
        await server.cli('RPUSH', key(name), 'theirs');
        const again = await failure(redisStore(at(admin), scope).open());
        expect(again.message).to.equal(
          `The Redis key ${key(name)} is not shardpool's: it holds something else than a hash`,
        );
        expect((await failure(store.readAll())).message).to.equal(again.message);
        expect(await server.cli('LRANGE', key(name), '0', '-1')).to.equal('theirs');
      });
    }

    it('a hash of others at app: refused by every write that counts', async () => {
      const { store, key } = await opened();
      await server.cli('HSET', key('app'), 'theirs', '1');
      const write = store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON });
      for (const error of await Promise.all([store.createApp(APP), store.readTick(), write].map(failure))) {
        expect(error.message).to.contain(key('app'));
        expect(error.outcome).to.equal('not-applied');
      }
      expect(await server.cli('HGETALL', key('app'))).to.equal('theirs\n1');
      expect(await server.cli('EXISTS', key('shards'))).to.equal('0');
    });

    for (const foreign of [
      'plain text',
      '[]',
      '"text"',
      '7',
      'null',
      '{"shardId":"other","token":"1"}',
      '{',
    ]) {
      it(`a row that is ${foreign}: named, and not written over`, async () => {
        const { store, key } = await opened();
        await store.createApp(APP);
        await server.cli('HSET', key('shards'), SHARD, foreign);
        await server.cli('HSET', key('sessions'), ALICE, foreign);
        const mine = { shardId: SHARD, me: ALICE, token: 1 };
        const calls = [
          store.readAll(),
          store.readTick(),
          store.readShard(SHARD),
          store.readSession(ALICE),
          store.createSession(sessionRow(ALICE)),
          store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null }),
          store.evict({ session: ALICE, beat: null }),
          store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: TRIM_HORIZON }),
          store.take({ ...mine, seenOwner: null, seenToken: 0, salvage: null }),
          store.finish(mine),
          store.deleteShard(SHARD),
        ];
        for (const error of await Promise.all(calls.map(failure))) {
          expect(error.message).to.match(/The Redis key shardpool:\S+:(shards|sessions) is not shardpool's/);
          expect(error.message).to.contain(foreign);
          expect(error.outcome).to.equal('not-applied');
        }
        expect(await server.cli('HGET', key('shards'), SHARD)).to.equal(foreign);
        expect(await server.cli('HGET', key('sessions'), ALICE)).to.equal(foreign);
        expect(await server.cli('HGET', key('app'), 'rev')).to.equal('0');
      });
    }

    it('full memory refuses writes as not applied and to be tried again, and half of none is there', async () => {
      const { store, key } = await opened();
      await store.createApp(APP);
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      try {
        const write = store.createShard({
          shardId: SHARD,
          startsAt: '1',
          parents: [],
          position: TRIM_HORIZON,
        });
        const error = await failure(write);
        expect(error.message).to.contain('OOM');
        expect(error).to.include({ outcome: 'not-applied', retryable: true });
      } finally {
        await server.cli('CONFIG', 'SET', 'maxmemory', '0');
      }
      expect(await server.cli('HGET', key('app'), 'rev')).to.equal('0');
      expect(await store.readShard(SHARD)).to.equal(null);
    });

    it('is told of changes again after its connection was cut', async () => {
      const { store } = await opened();
      await store.createApp(APP);
      let told = 0;
      store.watch!(() => (told += 1));
      await until('it listens', 5_000, () => told > 0);
      for (let i = 0; i < 2; i += 1) {
        const before = told;
        await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await until('it is told that it may have missed something', 5_000, () => told > before);
      }
    });

    it('several changes at once are told as few', async () => {
      const { store } = await opened();
      await store.createApp(APP);
      let told = 0;
      store.watch!(() => (told += 1));
      await until('it listens', 5_000, () => told > 0);
      const before = told;
      await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          store.createShard({ shardId: `shard-${i}`, startsAt: '1', parents: [], position: TRIM_HORIZON }),
        ),
      );
      await until('it is told', 5_000, () => told > before);
      expect(told - before).to.be.below(50);
    });
  });
});
