// The redis adapter against the contract of every lease store: one server (both protocols), TLS, Sentinels, a cluster.

import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.ts';
import { type RedisSentinels, startRedisSentinels } from '../../support/redis-sentinels.ts';
import { type RedisServer, startRedisServer } from '../../support/redis-server.ts';
import { leaseStoreContract } from '../../contract/lease-store.ts';
import { redisStore } from './redis-stores.ts';

const START_WITHIN_MS = 120_000;

describe('redis, one server', () => {
  let server: RedisServer;
  before(async function () {
    this.timeout(START_WITHIN_MS);
    server = await startRedisServer();
  });
  after(() => server?.stop());

  leaseStoreContract('redis', (scope) => redisStore({ host: server.host, port: server.port, db: 3 }, scope), {
    watch: true,
  });
  leaseStoreContract(
    'redis, protocol 2',
    (scope) => redisStore({ url: `redis://127.0.0.1:${server.port}`, protocol: 2 }, scope),
    { watch: true },
  );
});

describe('redis, TLS and password', () => {
  let server: RedisServer;
  before(async function () {
    this.timeout(START_WITHIN_MS);
    server = await startRedisServer({ isTls: true, password: 'pass/word' });
  });
  after(() => server?.stop());

  leaseStoreContract(
    'redis with TLS',
    (scope) =>
      redisStore({ url: `rediss://:pass%2Fword@localhost:${server.port}`, tls: { ca: server.ca } }, scope),
    { watch: true },
  );
});

describe('redis, Sentinels', () => {
  let group: RedisSentinels;
  before(async function () {
    this.timeout(START_WITHIN_MS);
    group = await startRedisSentinels();
  });
  after(() => group?.stop());

  leaseStoreContract(
    'redis, Sentinels',
    (scope) =>
      redisStore({ sentinels: group.sentinels, sentinelName: group.masterName, waitReplicas: 1 }, scope),
    { watch: true },
  );
});

describe('redis, cluster', () => {
  let cluster: RedisCluster;
  before(async function () {
    this.timeout(START_WITHIN_MS);
    cluster = await startRedisCluster();
  });
  after(() => cluster?.stop());

  leaseStoreContract(
    'redis, cluster',
    (scope) => redisStore({ cluster: cluster.nodes, waitReplicas: 1 }, scope),
    { watch: true },
  );
});
