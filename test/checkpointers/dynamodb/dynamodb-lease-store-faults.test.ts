// What the network and AWS can do to a call: each ends in time, and says whether the write may have been applied.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { ALICE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { type CannedReply, type FaultProxy, startFaultProxy } from '../../fakes/fault-proxy.ts';
import { type DynamodbServer, startDynoxide } from '../../support/dynamodb-server.ts';
import { rejection, until, within } from '../../support/until.ts';
import { endProxy, freshScope, storeAt } from './dynamodb-stores.ts';
import { APP, WRITES } from './dynamodb-writes.ts';

const TIMEOUTS = { beatMs: 200, callMs: 400 };
/** For the event loop of a busy machine. */
const SLACK_MS = 1_500;

const awsError = (status: number, name: string, message = 'because'): CannedReply => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message }),
  contentType: 'application/x-amz-json-1.0',
});

describe('DynamoDB lease store under faults', () => {
  let server: DynamodbServer;
  let proxy: FaultProxy;
  let store: LeaseStore;
  /** The same rows, without the proxy. */
  let direct: LeaseStore;

  before(async () => {
    server = await startDynoxide();
  });
  after(() => server.stop());

  beforeEach(async () => {
    proxy = await startFaultProxy(server.endpoint);
    const scope = freshScope();
    store = storeAt({ ...server, endpoint: proxy.endpoint }, scope, { timeouts: TIMEOUTS });
    direct = storeAt(server, scope);
    await direct.open();
    await store.open();
  });
  afterEach(async () => {
    await proxy.heal();
    await Promise.all([store.close(), direct.close()]);
    await endProxy(proxy);
  });

  const failed = async (call: () => Promise<unknown>): Promise<LeaseStoreError> => {
    const error = await rejection('the call', TIMEOUTS.callMs + SLACK_MS, call());
    expect(error).to.be.instanceOf(LeaseStoreError);
    expect(error).to.have.property('code', 'ERR_LEASE_STORE');
    return error as LeaseStoreError;
  };
  const rev = async () => (await direct.readTick()).app?.rev ?? 0;

  describe('the reply is lost', () => {
    for (const { name, isCounted, given, write } of WRITES) {
      it(`${name}: unknown, though applied${isCounted ? ', and rev grows all the same' : ''}`, async () => {
        await given(direct);
        await until(
          'the changes before are counted',
          2_000,
          async () => !isCounted || name === 'createShard' || name === 'evict' || (await rev()) > 0,
        );
        const before = await direct.readAll();
        proxy.fail({ fault: 'reset-headers' });
        expect((await failed(() => write(store))).outcome).to.equal('unknown');
        await proxy.heal();
        const { sessions, shards, app } = await direct.readAll();
        expect({ sessions, shards, app }).to.not.deep.equal({
          sessions: before.sessions,
          shards: before.shards,
          app: before.app,
        });
        if (isCounted) await until('rev grows', 5_000, async () => (await rev()) > before.app!.rev);
      });
    }
  });

  for (const fault of ['stall-headers', 'stall-body', 'trickle'] as const) {
    it(`${fault}: every write ends in time as unknown, every read as not-applied`, async () => {
      proxy.fail({ fault });
      await Promise.all(
        WRITES.map(async ({ name, write }) => {
          const error = await failed(() => write(store));
          expect(error, name).to.include({ outcome: 'unknown', retryable: true });
        }),
      );
      const reads = [
        () => store.readTick(),
        () => store.readAll(),
        () => store.readSession(ALICE),
        () => store.readShard(SHARD),
      ];
      for (const read of reads)
        expect(await failed(read)).to.include({ outcome: 'not-applied', retryable: true });
    });
  }

  it('a beat needs none of the connections that other calls hold', async () => {
    const isBeat = (body: Buffer) => body.includes('"#beat"');
    const options = { timeouts: { beatMs: 2_000, callMs: 4_000 } };
    const scope = freshScope();
    const patient = storeAt({ ...server, endpoint: proxy.endpoint }, scope, options);
    const other = storeAt(server, scope);
    await Promise.all([patient.open(), other.open()]);
    await other.createSession(sessionRow(ALICE));
    proxy.fail({ fault: 'stall-headers', when: ({ body }) => !isBeat(body) });
    const before = proxy.requests.length;
    const stuck = Array.from({ length: 80 }, () => rejection('the read', 10_000, patient.readTick()));
    await until('every connection is taken', 3_000, () => proxy.requests.length - before >= 64);
    const beat = { session: ALICE, beat: 1, state: 'live', maxShards: null } as const;
    expect((await patient.beat(beat)).applied).to.equal(true);
    await Promise.all([patient.close(), other.close()]);
    // Those that had no connection yet were not sent, and say so.
    const messages = (await Promise.all(stuck)).map(({ message }) => message);
    expect(messages.filter((message) => message.includes('the lease store is closed'))).to.have.length(64);
    expect(messages.filter((message) => message.includes('waited in vain for one of 64'))).to.have.length(16);
  });

  it('a beat has a limit of its own', async () => {
    proxy.fail({ fault: 'stall-headers' });
    const beat = { session: ALICE, beat: 2, state: 'live', maxShards: null } as const;
    expect((await failed(() => store.beat(beat))).message).to.equal(
      `\`beat\` on table shardpool was not answered within ${TIMEOUTS.beatMs} ms`,
    );
  });

  it('a connection that never stood: not applied', async () => {
    await proxy.failConnections('refuse');
    for (const { name, write } of WRITES) {
      const error = await failed(() => write(store));
      expect(error, name).to.include({ outcome: 'not-applied', retryable: true });
      expect(error.message, name).to.include('ECONNREFUSED');
      expect(error.cause, name).to.be.instanceOf(Error);
    }
    await proxy.heal();
    expect((await store.createApp(APP)).applied).to.equal(true);
  });

  for (const fault of ['reset-connect', 'accept-silent'] as const) {
    it(`${fault}: fails, and the next call after it goes through`, async () => {
      await proxy.failConnections(fault);
      const { outcome } = await failed(() => store.createApp(APP));
      // A reset may come before the connection stands for the client.
      if (fault === 'accept-silent') expect(outcome).to.equal('unknown');
      await proxy.heal();
      expect((await store.createApp(APP)).applied).to.equal(true);
    });
  }

  it('a kept connection that the server closed: sent again where that is harmless, else unknown', async () => {
    await store.createApp(APP);
    await store.createSession(sessionRow(ALICE));
    await store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null });
    // The reply comes too late for the client to see the close before its next request.
    const lost = { fault: 'reset-before-reply' } as const;
    let hits = 0;
    proxy.fail({ ...lost, when: () => (hits += 1) === 1 });
    expect((await store.readTick()).app).to.include(APP);
    await proxy.heal();

    hits = 0;
    proxy.fail({ ...lost, when: () => (hits += 1) === 1 });
    expect((await store.beat({ session: ALICE, beat: 2, state: 'live', maxShards: null })).applied).to.equal(
      true,
    );
    await proxy.heal();

    hits = 0;
    proxy.fail({ ...lost, when: () => (hits += 1) === 1 });
    const take = () =>
      store.take({ shardId: SHARD, seenOwner: null, seenToken: 0, me: ALICE, token: 1, salvage: null });
    expect((await failed(take)).outcome).to.equal('unknown');
  });

  const ANSWERS = [
    ['ProvisionedThroughputExceededException', 400, 'not-applied', true],
    ['ThrottlingException', 400, 'not-applied', true],
    ['RequestLimitExceeded', 400, 'not-applied', true],
    ['AccessDeniedException', 400, 'not-applied', false],
    ['UnrecognizedClientException', 400, 'not-applied', false],
    ['ExpiredTokenException', 400, 'not-applied', true],
    ['ResourceNotFoundException', 400, 'not-applied', false],
    ['ValidationException', 400, 'not-applied', false],
    ['InternalServerError', 500, 'unknown', true],
    ['ServiceUnavailable', 503, 'unknown', true],
    ['SomethingNew', 400, 'unknown', false],
  ] as const;
  for (const [name, status, outcome, retryable] of ANSWERS) {
    it(`${name}: ${outcome}, ${retryable ? 'may be tried again' : 'final'}; a read is never of unknown outcome`, async () => {
      proxy.fail({ fault: awsError(status, name) });
      const error = await failed(() => store.createApp(APP));
      expect(error).to.include({ outcome, retryable });
      expect(error.message).to.match(
        new RegExp(`^\`createApp\` on table shardpool failed: ${name}: because`),
      );
      expect(await failed(() => store.readTick())).to.include({ outcome: 'not-applied', retryable });
    });
  }

  for (const fault of ['html-503', 'html-200', 'garbage', 'cut-json', 'truncated-body'] as const) {
    it(`${fault}: a write is of unknown outcome, a read fails`, async () => {
      proxy.fail({ fault });
      expect((await failed(() => store.createApp(APP))).outcome).to.equal('unknown');
      expect(await failed(() => store.readTick())).to.include({ outcome: 'not-applied', retryable: true });
    });
  }

  it('keys that AWS refuses as expired are loaded again, and the call is made again once', async () => {
    const before = proxy.requests.length;
    let hits = 0;
    const expired = awsError(400, 'ExpiredTokenException');
    proxy.fail({ fault: expired, when: () => (hits += 1) === 1 });
    expect((await store.createApp(APP)).applied).to.equal(true);
    expect(proxy.requests.length - before).to.equal(2);
    await proxy.heal();
    proxy.fail({ fault: expired });
    await failed(() => store.createApp(APP));
    expect(proxy.requests.length - before).to.equal(4);
  });

  it('a clock of this host that is off is set by the reply that says so, and the call is made again', async () => {
    const ahead = 3_600_000;
    const signedAt: string[] = [];
    const later = createServer((request, response) => {
      signedAt.push(String(request.headers['x-amz-date']));
      response.setHeader('date', new Date(Date.now() + ahead).toUTCString());
      if (signedAt.length > 1) response.end('{}');
      else {
        const { status, body } = awsError(400, 'InvalidSignatureException', 'Signature expired: too old');
        response.writeHead(status).end(body);
      }
    }).listen(0, '127.0.0.1');
    await once(later, 'listening');
    const { port } = later.address() as AddressInfo;
    const other = storeAt({ ...server, endpoint: `http://127.0.0.1:${port}` });
    try {
      expect((await other.createApp(APP)).applied).to.equal(true);
      const [first, second] = signedAt.map((at) => Number(at.replaceAll(/\D/g, '')));
      expect(second! - first!, 'yyyymmddhhmmss').to.be.at.least(5_900);
    } finally {
      await other.close();
      await new Promise((resolve) => later.close(resolve));
    }
  });

  it('asks for nothing again behind the back of the caller', async () => {
    proxy.fail({ fault: awsError(500, 'InternalServerError') });
    const before = proxy.requests.length;
    await failed(() => store.createApp(APP));
    await failed(() => store.readTick());
    expect(proxy.requests.length - before).to.equal(2);
  });

  it('a write under way while the store is closed is of unknown outcome, and close ends in time', async () => {
    proxy.fail({ fault: 'stall-headers' });
    const write = failed(() => store.createApp(APP));
    await until('the request is out', 1_000, () => proxy.requests.some(({ isHit }) => isHit));
    await within('close', TIMEOUTS.callMs + SLACK_MS, store.close());
    expect((await write).outcome).to.equal('unknown');
  });

  it('what others must notice is told before close ends, and no connection is left', async () => {
    await store.createApp(APP);
    await store.createSession(sessionRow(ALICE));
    await store.beat({ session: ALICE, beat: 1, state: 'live', maxShards: null });
    await store.evict({ session: ALICE, beat: 1 });
    await store.close();
    expect(await rev()).to.equal(1);
    await until('the connections are closed', 2_000, () => proxy.connections.open === 0);
  });

  describe('open', () => {
    let late: LeaseStore;
    const opening = async (options: object = {}): Promise<ShardpoolError> => {
      late = storeAt({ ...server, endpoint: proxy.endpoint }, freshScope(), {
        timeouts: TIMEOUTS,
        ...options,
      });
      const error = await rejection('open', 5_000, late.open());
      expect(error).to.be.instanceOf(ShardpoolError);
      return error as ShardpoolError;
    };
    afterEach(() => late.close());

    it('fails at once where nobody listens', async () => {
      await proxy.failConnections('refuse');
      expect(await opening()).to.include({ code: 'ERR_LEASE_STORE', retryable: true });
    });

    it('fails in time where nobody answers', async () => {
      await proxy.failConnections('accept-silent');
      expect((await opening()).message).to.match(
        /`DescribeTable` on table shardpool was not answered within 400 ms/,
      );
    });

    for (const [name, code, retryable] of [
      ['AccessDeniedException', 'ERR_ACCESS_DENIED', false],
      ['UnrecognizedClientException', 'ERR_ACCESS_DENIED', false],
      ['InvalidSignatureException', 'ERR_ACCESS_DENIED', false],
      ['ExpiredTokenException', 'ERR_ACCESS_DENIED', true],
      ['ValidationException', 'ERR_LEASE_STORE', false],
    ] as const) {
      it(`${name}: ${code}, and nothing of the keys in the message`, async () => {
        proxy.fail({ fault: awsError(400, name) });
        const credentials = { accessKeyId: 'AKIDOFTHETEST', secretAccessKey: 'secret-of-the-test' };
        const error = await opening({ credentials });
        expect(error).to.include({ code, retryable });
        expect(error.message).to.include(name);
        expect(error.message).to.not.match(/AKIDOFTHETEST|secret-of-the-test/);
      });
    }

    it('notices that the rows may not be read', async () => {
      proxy.fail({ fault: awsError(400, 'AccessDeniedException'), operation: 'Query' });
      expect(await opening()).to.include({ code: 'ERR_ACCESS_DENIED' });
    });

    it('tries again what may pass', async () => {
      let hits = 0;
      proxy.fail({ fault: awsError(500, 'InternalServerError'), when: () => (hits += 1) <= 2 });
      late = storeAt({ ...server, endpoint: proxy.endpoint }, freshScope(), { timeouts: TIMEOUTS });
      await late.open();
      expect(hits).to.be.above(2);
    });
  });
});
