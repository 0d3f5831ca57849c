// The options of the redis checkpointer: defaults, the environment, and what is refused without showing a password.

import { expect } from 'chai';
import { resolveRedisOptions } from '../../../src/checkpointers/redis/redis-options.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';
import type { SpecOptions } from '../../../src/model/specs.ts';

function refusal(options: SpecOptions, env: NodeJS.ProcessEnv = {}): string {
  try {
    resolveRedisOptions(options, env);
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError);
    expect((error as ShardpoolError).code).to.equal('ERR_INVALID_OPTION');
    return (error as ShardpoolError).message;
  }
  throw new Error('It was accepted');
}

describe('redis options', () => {
  it('defaults', () => {
    expect(resolveRedisOptions({}, {})).to.deep.equal({
      servers: { kind: 'single', address: { host: 'localhost', port: 6379 } },
      username: null,
      password: null,
      db: 0,
      tls: null,
      keyPrefix: 'shardpool',
      waitReplicas: 0,
      protocol: 3,
      natMap: null,
      trustEmpty: false,
    });
  });

  it('survive structured clone', () => {
    const resolved = resolveRedisOptions({ url: 'rediss://a:b@h:1/2', tls: { ca: 'pem' } }, {});
    expect(structuredClone(resolved)).to.deep.equal(resolved);
  });

  it('a URL says everything that it has', () => {
    const { servers, username, password, db, tls } = resolveRedisOptions(
      { url: 'rediss://us%65r:p%40ss@[::1]:7000/5' },
      {},
    );
    expect(servers).to.deep.equal({ kind: 'single', address: { host: '::1', port: 7000 } });
    expect({ username, password, db, tls }).to.deep.equal({
      username: 'user',
      password: 'p@ss',
      db: 5,
      tls: {},
    });
  });

  const ENV = {
    REDIS_HOST: 'env-host',
    REDIS_PORT: '7001',
    REDIS_USERNAME: 'env-user',
    REDIS_PASSWORD: 'env-pass',
    REDIS_DB: '4',
  };

  it('the environment says what the options do not', () => {
    const resolved = resolveRedisOptions({ port: 7002 }, ENV);
    expect(resolved).to.deep.include({
      servers: { kind: 'single', address: { host: 'env-host', port: 7002 } },
      username: 'env-user',
      password: 'env-pass',
      db: 4,
    });
    expect(resolveRedisOptions({}, { ...ENV, REDIS_HOST: '' }).servers).to.deep.equal({
      kind: 'single',
      address: { host: 'localhost', port: 7001 },
    });
  });

  it('REDIS_URL is above REDIS_HOST, and options above both', () => {
    const env = { ...ENV, REDIS_URL: 'redis://:url-pass@url-host/7' };
    expect(resolveRedisOptions({}, env)).to.deep.include({
      servers: { kind: 'single', address: { host: 'url-host', port: 6379 } },
      password: 'url-pass',
      db: 7,
    });
    const own = resolveRedisOptions({ url: 'redis://own/1' }, env);
    expect(own.servers).to.deep.equal({ kind: 'single', address: { host: 'own', port: 6379 } });
    expect(own.db).to.equal(1);
    const byHost = resolveRedisOptions({ host: 'own' }, env);
    expect(byHost).to.deep.include({ password: 'env-pass', db: 4 });
  });

  it('a cluster is a list of nodes, or true for one of them; the database of the environment does not count', () => {
    expect(resolveRedisOptions({ cluster: [{ host: 'a' }, { host: 'b', port: 2 }] }, ENV)).to.deep.include({
      servers: {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 2 },
        ],
      },
      db: 0,
    });
    const { servers } = resolveRedisOptions({ cluster: true, url: 'redis://a:9' }, {});
    expect(servers).to.deep.equal({ kind: 'cluster', nodes: [{ host: 'a', port: 9 }] });
    expect(resolveRedisOptions({ cluster: false, db: 2 }, {}).servers.kind).to.equal('single');
  });

  it('Sentinels with the name of the master', () => {
    const { servers } = resolveRedisOptions(
      { sentinels: [{ host: 's' }], sentinelName: 'm', sentinelPassword: 'p' },
      ENV,
    );
    expect(servers).to.deep.equal({
      kind: 'sentinel',
      sentinels: [{ host: 's', port: 26379 }],
      masterName: 'm',
      username: null,
      password: 'p',
    });
  });

  const REFUSED: readonly { options: SpecOptions; message: RegExp; env?: NodeJS.ProcessEnv }[] = [
    { options: { hots: 'a' }, message: /got `'hots'`; did you mean `host`/ },
    { options: { url: 'redis://a', host: 'b' }, message: /`checkpointer.host` to be left out beside `url`/ },
    { options: { url: 'redis://a', port: 1 }, message: /`checkpointer.port` to be left out beside `url`/ },
    {
      options: { url: 'redis://:p@a', password: 'q' },
      message: /password` to be left out where `url` has it/,
    },
    { options: { url: 'redis://a/1', db: 2 }, message: /db` to be left out where `url` has it/ },
    { options: { url: 'rediss://a', tls: false }, message: /tls` to be left out or true/ },
    { options: { url: 'http://a' }, message: /`checkpointer.url` to be redis:.*it begins with http:/ },
    { options: { url: 'redis://a/b' }, message: /not the number of a database/ },
    { options: { url: 'redis://a?db=1' }, message: /parameters/ },
    { options: {}, env: { REDIS_URL: 'nonsense' }, message: /`REDIS_URL` to be redis:.*it is no URL/ },
    { options: {}, env: { REDIS_PORT: 'x' }, message: /`REDIS_PORT` to be an integer/ },
    { options: { cluster: true, db: 1 }, message: /db` to be left out or 0 with `cluster`/ },
    { options: { cluster: true, url: 'redis://a/1' }, message: /db` to be left out or 0 with `cluster`/ },
    { options: { cluster: [{ host: 'a' }], host: 'b' }, message: /host` to be left out beside `cluster`/ },
    { options: { cluster: [] }, message: /cluster` to be true, or a list/ },
    { options: { cluster: [{ hst: 'a' }] }, message: /cluster\[0\]` to be an object.*did you mean `host`/ },
    { options: { sentinels: [{ host: 'a' }] }, message: /sentinelName` to be the name/ },
    {
      options: { sentinelName: 'm' },
      message: /sentinelName` to be left out where there are no `sentinels`/,
    },
    {
      options: { sentinels: [{ host: 'a' }], sentinelName: 'm', host: 'b' },
      message: /host` to be left out/,
    },
    {
      options: { sentinels: [{ host: 'a' }], sentinelName: 'm', cluster: true },
      message: /beside `cluster`/,
    },
    { options: { keyPrefix: 'a{b}' }, message: /keyPrefix` to be text without/ },
    { options: { waitReplicas: -1 }, message: /waitReplicas` to be an integer from 0/ },
    { options: { protocol: 4 }, message: /protocol` to be 2 or 3/ },
    {
      options: { tls: { checkServerIdentity: () => undefined } },
      message: /tls` to be an object with the keys/,
    },
    { options: { natMap: { a: { host: 'b' } } }, message: /natMap` to be an object with keys such as/ },
    { options: { trustEmpty: 'yes' }, message: /trustEmpty` to be true or false/ },
  ];
  for (const { options, message, env } of REFUSED) {
    it(`refuses ${JSON.stringify(options)} ${env === undefined ? '' : JSON.stringify(env)}`.trimEnd(), () => {
      expect(refusal(options, env)).to.match(message);
    });
  }

  it('shows no password', () => {
    const secret = 'hunter2';
    for (const options of [
      { url: `redis://:${secret}@a`, password: secret },
      { url: `http://:${secret}@a` },
      { url: `redis://:${secret}@a/x` },
      { url: `redis://:${secret}%@a` },
      { url: [secret] },
      { password: [secret] },
      { password: { secret } },
      { sentinelPassword: secret },
      { tls: { key: [secret] } },
    ]) {
      expect(refusal(options)).to.not.contain(secret);
    }
    expect(refusal({}, { REDIS_URL: `:${secret}` })).to.not.contain(secret);
  });
});
