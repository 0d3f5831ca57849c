// No step of a call may wait for ever, and a dead connection costs one call at the most.

import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Credentials, KinesisApi } from '../../src/kinesis/api.ts';
import { CALL_LIMITS } from '../../src/model/call-limits.ts';
import type { KinesisError } from '../../src/kinesis/errors.ts';
import { createKinesisApi, type KinesisApiOptions } from '../../src/kinesis/sdk-kinesis-api.ts';
import { until } from '../support/until.ts';
import { type Answer, type Endpoint, reply, startEndpoint } from './endpoint.ts';

const PAGE = { Records: [], NextShardIterator: 'next', MillisBehindLatest: 7 };
const KEYS: Credentials = {
  accessKeyId: 'AKID',
  secretAccessKey: 'secret',
  sessionToken: null,
  expiration: Date.now() + 3_600_000,
};
const FAST = { ...CALL_LIMITS, connectMs: 300, replyMs: 300, stallMs: 300, callMs: 600 };
const SLOW = { ...CALL_LIMITS, connectMs: 3_000, replyMs: 15_000, stallMs: 15_000, callMs: 30_000 };

describe('kinesis/call-limits', () => {
  let endpoint: Endpoint;
  const closing: (() => unknown)[] = [];

  function connect(url: string, options: Partial<KinesisApiOptions> = {}): KinesisApi {
    const api = createKinesisApi({
      address: { stream: 'orders', region: 'eu-west-1', endpoint: url },
      credentials: async () => KEYS,
      maxAttempts: 1,
      maxSockets: 16,
      limits: FAST,
      ...options,
    });
    closing.push(() => api.close());
    return api;
  }

  async function open(answer: Answer, options: Partial<KinesisApiOptions> = {}): Promise<KinesisApi> {
    endpoint = await startEndpoint(answer);
    closing.push(() => endpoint.close());
    return connect(endpoint.url, options);
  }

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  const failure = async (promise: Promise<unknown>): Promise<KinesisError & { tookMs: number }> => {
    const startedAt = performance.now();
    const error = await promise.then(
      () => expect.fail('it succeeded'),
      (reason: unknown) => reason,
    );
    return Object.assign(error as KinesisError, { tookMs: performance.now() - startedAt });
  };

  for (const operation of ['GetRecords', 'ListShards'] as const) {
    it(`ends ${operation} whose body trickles for ever, and its connection`, async () => {
      const timers: NodeJS.Timeout[] = [];
      closing.push(() => timers.forEach(clearInterval));
      const api = await open((_call, response) => {
        response.writeHead(200, { 'content-length': '1000000' });
        timers.push(setInterval(() => response.write(' '), 20));
      });
      const error = await failure(
        operation === 'GetRecords' ? api.getRecords('it', 1) : api.listShards({ type: 'ALL' }),
      );
      expect(error).to.include({ kind: 'transient', code: 'ERR_CONNECTION' });
      expect(error.message).to.include(`${operation} on stream orders took more than 600 ms`);
      expect(error.tookMs).to.be.within(550, 2_000);
      await until('its connection is gone', 1_000, () => endpoint.connections.open === 0);
    });
  }

  it('ends a call to a server that accepts connections and is silent', async () => {
    const sockets: Socket[] = [];
    const server: Server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const api = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const error = await failure(api.getRecords('it', 1));
    expect(error.kind).to.equal('transient');
    expect(error.tookMs).to.be.below(2_000);
  });

  it('does not count the wait for its turn as time to connect or to answer', async () => {
    const api = await open((_call, response) => void setTimeout(() => reply(response, PAGE), 100), {
      maxSockets: 2,
    });
    await Promise.all(Array.from({ length: 20 }, () => api.getRecords('it', 1)));
    expect(endpoint.connections.made).to.equal(2);
  });

  it('carries 1 000 shards of one thread over 256 connections', async function () {
    this.timeout(60_000);
    let atOnce = 0;
    let most = 0;
    const api = await open(
      (_call, response) => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        setTimeout(() => {
          atOnce -= 1;
          reply(response, PAGE);
        }, 100);
      },
      { maxSockets: 256, limits: SLOW },
    );
    await Promise.all(Array.from({ length: 1_000 }, () => api.getRecords('it', 1)));
    expect(endpoint.calls).to.have.length(1_000);
    expect(most).to.be.at.most(256);
    expect(endpoint.connections.made).to.be.at.most(256);
  });

  it('a call whose signal is aborted while it waits for its turn takes no turn', async () => {
    const api = await open(() => {}, { maxSockets: 1, ...SLOW });
    const under = failure(api.getRecords('first', 1));
    expect((await failure(api.getRecords('second', 1, { signal: AbortSignal.timeout(30) }))).kind).to.equal(
      'aborted',
    );
    api.close();
    await under;
    expect(endpoint.calls.map(({ input }) => input['ShardIterator'])).to.deep.equal(['first']);
  });

  it('repeats a read that was sent on a connection which the server had just closed, but no put', async () => {
    let closes = false;
    let calls = 0;
    const api = await open((call, response) => {
      calls += 1;
      if (closes) {
        closes = false;
        response.socket!.resetAndDestroy();
        return;
      }
      reply(
        response,
        call.operation === 'PutRecords' ? { Records: [{ ShardId: 's', SequenceNumber: '1' }] } : PAGE,
      );
    });
    await api.getRecords('it', 1);
    closes = true;
    await api.getRecords('it', 1);
    expect(calls).to.equal(3);
    closes = true;
    const put = api.putRecords([{ data: Buffer.from('a'), partitionKey: 'p', explicitHashKey: null }]);
    expect((await failure(put)).kind).to.equal('transient');
    expect(calls).to.equal(4);
  });

  it('does not repeat at once what fails on a fresh connection too', async () => {
    let calls = 0;
    const api = await open((_call, response) => {
      calls += 1;
      if (calls === 1) reply(response, PAGE);
      else response.socket!.resetAndDestroy();
    });
    await api.getRecords('it', 1);
    expect((await failure(api.getRecords('it', 1))).kind).to.equal('transient');
    expect(calls).to.equal(3);
  });

  it('a call that gets no answer costs the idle connections too, which may be as dead', async () => {
    let isDead = false;
    const api = await open((_call, response) => {
      if (!isDead) setTimeout(() => reply(response, PAGE), 20);
    });
    await Promise.all(Array.from({ length: 10 }, () => api.getRecords('it', 1)));
    expect(endpoint.connections.open).to.equal(10);
    isDead = true;
    await failure(api.getRecords('it', 1));
    isDead = false;
    await until('they are closed', 1_000, () => endpoint.connections.open === 0);
    await api.getRecords('it', 1);
    expect(endpoint.connections.made).to.equal(11);
  });

  it('connects to the last good address while the resolver fails', async () => {
    let fails = false;
    let asked = 0;
    await open((_call, response) => {
      response.shouldKeepAlive = false;
      reply(response, PAGE);
    });
    const { port } = new URL(endpoint.url);
    const named = connect(`http://kinesis.test:${port}`, {
      resolver: (_hostname, _options, done) => {
        asked += 1;
        if (fails) setImmediate(done, Object.assign(new Error('down'), { code: 'EAI_AGAIN' }), []);
        else setImmediate(done, null, [{ address: '127.0.0.1', family: 4 }]);
      },
    });
    await named.getRecords('it', 1);
    fails = true;
    await named.getRecords('it', 1);
    expect(asked).to.equal(2);
    expect(endpoint.connections.made).to.equal(2);
  });

  it('renews refused credentials once and repeats the call; refused again they end it', async () => {
    const used: (string | undefined)[] = [];
    let good = 'NEW';
    const asked: boolean[] = [];
    const api = await open(
      (call, response) => {
        const key = /Credential=(\w+)/.exec(String(call.headers.authorization))?.[1];
        used.push(key);
        if (key === good) reply(response, PAGE);
        else reply(response, { __type: 'UnrecognizedClientException', message: 'invalid' }, 400);
      },
      {
        credentials: async (renew = false) => {
          asked.push(renew);
          return { ...KEYS, accessKeyId: renew ? 'NEW' : 'OLD' };
        },
      },
    );
    await api.getRecords('it', 1);
    expect(used).to.deep.equal(['OLD', 'NEW']);
    good = 'NEWER';
    expect(await failure(api.getRecords('it', 1))).to.include({
      kind: 'credentials-refused',
      code: 'ERR_ACCESS_DENIED',
      retryable: false,
    });
    expect(used).to.deep.equal(['OLD', 'NEW', 'NEW', 'NEW']);
    expect(asked).to.deep.equal([false, true, true]);
  });
});
