// Credentials that end, are refused, come late or not at all, under a consumer that runs.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { ConsumerOptions } from '../../src/index.ts';
import { type FaultProxy, type ProxiedRequest, startFaultProxy } from '../fakes/fault-proxy.ts';
import { ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { within } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

type Provider = Extract<NonNullable<ConsumerOptions['credentials']>, (...args: never[]) => unknown>;

const KEYS = keysOf(40);
const WITHIN_MS = 15_000;
const REFUSED = 'refused';
const CREDENTIALS_TIMEOUT_MS = 400;
const HOUR_MS = 3_600_000;
const STREAM = 'orders';
const OPTIONS = {
  stream: STREAM,
  threads: 2,
  idlePollMs: 200,
  shardRefreshIntervalMs: 60_000,
  timeouts: { credentialsMs: CREDENTIALS_TIMEOUT_MS },
} as const;

const identity = (accessKeyId: string, lifetimeMs = HOUR_MS) => ({
  accessKeyId,
  secretAccessKey: 's',
  expiration: new Date(Date.now() + lifetimeMs),
});
const keyOf = ({ headers }: Pick<ProxiedRequest, 'headers'>) =>
  /Credential=([^/]+)/.exec(String(headers.authorization))?.[1] ?? '';
const EXPIRED = {
  status: 400,
  body: JSON.stringify({
    __type: 'ExpiredTokenException',
    message: 'The security token included in the request is expired',
  }),
};

describe('credentials of a running consumer', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let proxy: FaultProxy;

  beforeEach(async () => {
    server = await simulatedServer({ refuseAccessKeys: [REFUSED] });
    await server.createStream(STREAM, 2);
    proxy = await startFaultProxy(server.endpoint);
  });
  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const start = (credentials: Provider, through: { readonly endpoint: string } = proxy) =>
    new ConsumerRun(
      { ...server, endpoint: through.endpoint },
      { module: 'audited' },
      { ...OPTIONS, credentials },
    );
  const write = (run: ConsumerRun) => writeRounds(server, STREAM, run.audit, KEYS, 2);
  const delivered = async (run: ConsumerRun) => {
    await write(run);
    await run.untilComplete(WITHIN_MS);
  };
  const finish = async (run: ConsumerRun) => {
    expect(await run.stop()).to.equal(null);
    run.audit.expectExactlyOnceInOrder();
    for (const name of ['lease:lost', 'thread:died', 'error'] as const)
      expect(run.of(name), name).to.be.empty;
  };
  const retriesOf = (run: ConsumerRun) =>
    run
      .of('shard:retry')
      .map((detail) => (detail as unknown as { error: { code: string; retryable: boolean } }).error);

  it('main blocked past their end: reading stops, goes on afterwards, and nothing is lost', async function () {
    let asked = 0;
    // Straight to the simulator, which has a thread of its own: a proxy would be blocked along with main.
    await using run = start(async () => {
      asked += 1;
      return identity(`key-${asked}`, 1_500);
    }, server);
    await run.consumer.ready();
    await delivered(run);
    await write(run);
    const before = asked;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
    const freeAt = performance.now();
    await run.until('they are asked for again', WITHIN_MS, () => asked > before);
    await delivered(run);
    this.test!.title += ` (all delivered ${Math.round(performance.now() - freeAt)} ms after main was free)`;
    for (const error of retriesOf(run))
      expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: true });
    await finish(run);
  });

  it('a token that AWS finds expired is renewed once, and reading goes on', async () => {
    const asked: (boolean | undefined)[] = [];
    await using run = start(async ({ forceRefresh } = {}) => {
      asked.push(forceRefresh);
      return identity(asked.includes(true) ? 'new' : 'old');
    });
    await run.consumer.ready();
    await delivered(run);
    proxy.fail({ fault: EXPIRED, when: (request) => keyOf(request) === 'old' });
    await delivered(run);
    await run.until('all reads are signed anew', WITHIN_MS, () => keyOf(proxy.requests.at(-1)!) === 'new');
    await finish(run);
    expect(run.of('shard:retry')).to.be.empty;
    expect(asked.filter((renew) => renew === true).length).to.be.within(1, 3);
  });

  it('a token that stays expired is tried with back-off, loudly, until there is a new one', async () => {
    let asked = 0;
    let key = 'old';
    await using run = start(async () => {
      asked += 1;
      return identity(key);
    });
    await run.consumer.ready();
    await delivered(run);
    proxy.fail({ fault: EXPIRED, when: (request) => keyOf(request) === 'old' });
    await write(run);
    const [requests, questions] = [proxy.requests.length, asked];
    await run.until('it was reported for a while', WITHIN_MS, () => retriesOf(run).length >= 6);
    expect(retriesOf(run)[0]).to.include({ code: 'ERR_ACCESS_DENIED', retryable: true });
    expect(proxy.requests.length - requests, 'requests').to.be.at.most(40);
    expect(asked - questions, 'questions to the provider').to.be.at.most(20);
    key = 'new';
    await delivered(run);
    await finish(run);
  });

  it('a provider that throws once is asked again, and it shows', async () => {
    let asked = 0;
    let fails = 0;
    await using run = start(async () => {
      asked += 1;
      if (fails > 0) {
        fails -= 1;
        throw new Error('no route to the vault');
      }
      return identity(`key-${asked}`, 600);
    });
    await run.consumer.ready();
    await delivered(run);
    fails = 1;
    await write(run);
    await run.until('it was asked again', WITHIN_MS, () => fails === 0);
    await delivered(run);
    for (const error of retriesOf(run))
      expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: true });
    await finish(run);
  });

  it('a provider that does not settle: ERR_CREDENTIALS as an event, and it is asked again', async () => {
    let hangs = false;
    await using run = start(() => (hangs ? new Promise(() => {}) : Promise.resolve(identity('key', 1_000))));
    await run.consumer.ready();
    await delivered(run);
    hangs = true;
    await write(run);
    await run.until('it is reported', WITHIN_MS, () =>
      retriesOf(run).some(({ code, retryable }) => code === 'ERR_CREDENTIALS' && retryable),
    );
    hangs = false;
    await delivered(run);
    await finish(run);
  });

  it('a provider that never settles at the start ends the start with ERR_CREDENTIALS', async () => {
    await using run = start(() => new Promise(() => {}));
    const error = await within('the failure', WITHIN_MS, run.finished);
    expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: true });
    expect(error!.message).to.include('does not settle');
    expect(proxy.requests).to.be.empty;
  });

  it('keys that were replaced while it ran are asked for anew; refused again they end the consumer', async () => {
    let key = 'first';
    const asked: string[] = [];
    await using run = start(async ({ forceRefresh } = {}) => {
      if (forceRefresh === true && key === REFUSED) asked.push('renew');
      return identity(key, 800);
    }, server);
    await run.consumer.ready();
    await delivered(run);
    key = REFUSED;
    const error = await within('the failure', WITHIN_MS, run.finished);
    expect(error).to.include({ code: 'ERR_ACCESS_DENIED', retryable: false });
    expect(asked).not.to.be.empty;
  });

  it('static keys serve as long as it runs', async () => {
    await using run = new ConsumerRun(
      { ...server, endpoint: proxy.endpoint },
      { module: 'audited' },
      { ...OPTIONS, credentials: { accessKeyId: 'static', secretAccessKey: 's' } },
    );
    await run.consumer.ready();
    await delivered(run);
    await sleep(300);
    await delivered(run);
    expect(new Set(proxy.requests.map(keyOf))).to.deep.equal(new Set(['static']));
    await finish(run);
  });
});
