import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { CALL_LIMITS } from '../../src/model/call-limits.ts';
import type { Credentials, KinesisApi } from '../../src/kinesis/api.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { createKinesisApi, type KinesisApiOptions } from '../../src/kinesis/sdk-kinesis-api.ts';
import {
  latestPosition,
  type Position,
  SHARD_END,
  sequencePosition,
  timestampPosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import { type Answer, type Call, type Endpoint, fail, reply, startEndpoint } from './endpoint.ts';

const ARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders';
const PAGE = { Records: [], NextShardIterator: 'next', MillisBehindLatest: 7 };
const KEYS: Credentials = {
  accessKeyId: 'AKID',
  secretAccessKey: 'secret',
  sessionToken: null,
  expiration: Date.now() + 3_600_000,
};

async function failure(promise: Promise<unknown>): Promise<KinesisError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(KinesisError);
  return error as KinesisError;
}

describe('kinesis/sdk-kinesis-api', () => {
  let endpoint: Endpoint;
  const opened: KinesisApi[] = [];

  async function open(
    answer: Answer,
    options: Partial<KinesisApiOptions> & { stream?: string } = {},
  ): Promise<KinesisApi> {
    endpoint = await startEndpoint(answer);
    const { stream = 'orders', ...rest } = options;
    const api = createKinesisApi({
      address: { stream, region: 'eu-west-1', endpoint: endpoint.url },
      credentials: async () => KEYS,
      maxAttempts: 1,
      maxSockets: 4,
      limits: CALL_LIMITS,
      ...rest,
    });
    opened.push(api);
    return api;
  }

  afterEach(async () => {
    for (const api of opened.splice(0)) api.close();
    await endpoint?.close();
  });

  const answers =
    (body: unknown): Answer =>
    (_call, response) =>
      reply(response, body);
  const inputs = () => endpoint.calls.map((call) => call.input);

  describe('getRecords', () => {
    it('returns a page, decoded by our own decoder', async () => {
      const Records = [
        { Data: 'YWJj', PartitionKey: 'é', SequenceNumber: '12', ApproximateArrivalTimestamp: 1.5 },
      ];
      const api = await open(answers({ ...PAGE, Records }));
      const page = await api.getRecords('it', 100);
      expect(inputs()).to.deep.equal([{ ShardIterator: 'it', Limit: 100 }]);
      expect(page).to.deep.include({
        count: 1,
        partitionKeys: ['é'],
        nextIterator: 'next',
        lagMs: 7,
        children: [],
      });
      expect(page.arrivalTimes[0]).to.equal(1500);
      expect(page.slab.byteLength).to.equal(page.slab.buffer.byteLength); // the SDK's would be views into a pool
      expect(Buffer.from(page.slab).toString()).to.equal('abc');
    });

    it('names the stream to AWS when it was given as an ARN', async () => {
      const api = await open(answers(PAGE), { stream: ARN });
      await api.getRecords('it', 1);
      expect(inputs()).to.deep.equal([{ ShardIterator: 'it', Limit: 1, StreamARN: ARN }]);
    });

    it('uses one connection for many calls', async () => {
      const api = await open(answers(PAGE));
      for (let i = 0; i < 30; i++) await api.getRecords('it', 1);
      expect(endpoint.calls).to.have.length(30);
      expect(endpoint.connections.made).to.equal(1);
    });

    it('uses no more connections at once than told, and does not fail the calls that wait', async () => {
      const api = await open(answers(PAGE), { maxSockets: 2 });
      await Promise.all(Array.from({ length: 20 }, () => api.getRecords('it', 1)));
      expect(endpoint.connections.made).to.equal(2);
    });

    it('takes a body that ends early for a transient failure', async () => {
      const api = await open((_call, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"Records":[');
        setTimeout(() => response.destroy(), 20);
      });
      expect(await failure(api.getRecords('it', 1))).to.include({
        kind: 'transient',
        code: 'ERR_CONNECTION',
      });
    });

    it('takes a body that is cut but complete as HTTP for a transient failure', async () => {
      const api = await open(answers('{"Records":['));
      expect(await failure(api.getRecords('it', 1))).to.include({
        kind: 'transient',
        code: 'ERR_CONNECTION',
      });
    });

    it('gives up on a body that stalls, and on a reply that does not come', async () => {
      const stalls: Answer = (call, response) => {
        if (call.input['ShardIterator'] === 'silent') return;
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"Records":[');
      };
      const api = await open(stalls, { limits: { ...CALL_LIMITS, stallMs: 80, replyMs: 150 } });
      const before = performance.now();
      expect(await failure(api.getRecords('stalled', 1))).to.include({ kind: 'transient' });
      expect(await failure(api.getRecords('silent', 1))).to.include({ kind: 'transient' });
      expect(performance.now() - before).to.be.lessThan(1_500);
    });

    it('ends the wait for a reply with an error, where the SDK by default writes a log line and waits on', async () => {
      const api = await open(() => {}, { limits: { ...CALL_LIMITS, replyMs: 100 } });
      const error = await failure(api.getRecords('silent', 1));
      expect(error.kind).to.equal('transient');
      expect(error.message).to.include('requestTimeout');
    });

    it('works again on a fresh connection after a stall', async () => {
      let first = true;
      const api = await open(
        (_call, response) => {
          if (!first) return reply(response, PAGE);
          first = false;
          response.writeHead(200, { 'content-length': '1000' });
          response.write('{');
        },
        { limits: { ...CALL_LIMITS, stallMs: 80 } },
      );
      await failure(api.getRecords('it', 1));
      expect((await api.getRecords('it', 1)).nextIterator).to.equal('next');
    });

    it('has a cut reply read again when it may try twice', async () => {
      let calls = 0;
      const api = await open(
        (_call, response) => {
          if (++calls === 1) {
            response.writeHead(200, { 'content-length': '1000' });
            response.write('{');
            setTimeout(() => response.destroy(), 20);
          } else reply(response, PAGE);
        },
        { maxAttempts: 2 },
      );
      expect((await api.getRecords('it', 1)).nextIterator).to.equal('next');
      expect(calls).to.equal(2);
    });
  });

  describe('a signal', () => {
    const waits: [string, (response: ServerResponse) => void][] = [
      ['before the head of the reply', () => {}],
      [
        'in the middle of the body',
        (response) => {
          response.writeHead(200, { 'content-length': '1000' });
          response.write('{"Records":[');
        },
      ],
    ];
    for (const [title, stall] of waits) {
      it(`ends a call at once ${title}, and its connection`, async () => {
        const controller = new AbortController();
        const api = await open((_call, response) => {
          stall(response);
          setTimeout(() => controller.abort(), 30);
        });
        const before = performance.now();
        const error = await failure(api.getRecords('it', 1, { signal: controller.signal }));
        expect(error).to.include({ kind: 'aborted', code: 'ERR_STOPPED', retryable: false });
        expect(performance.now() - before).to.be.lessThan(1_000);
        while (endpoint.connections.open > 0) await new Promise((resolve) => setImmediate(resolve));
      });
    }

    it('ends a call that still waits for credentials', async () => {
      const api = await open(answers(PAGE), { credentials: () => new Promise(() => {}) });
      const signal = AbortSignal.timeout(30);
      expect((await failure(api.getRecords('it', 1, { signal }))).kind).to.equal('aborted');
      expect(endpoint.calls).to.have.length(0);
    });

    it('sends nothing when it is aborted already', async () => {
      const api = await open(answers(PAGE));
      expect((await failure(api.getRecords('it', 1, { signal: AbortSignal.abort() }))).kind).to.equal(
        'aborted',
      );
      expect(endpoint.calls).to.have.length(0);
    });

    it('may be shared by many calls without a warning or a listener left behind', async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error) => warnings.push(warning);
      process.on('warning', onWarning);
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
      signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
      const api = await open(answers(PAGE), { maxSockets: 50 });
      await Promise.all(Array.from({ length: 50 }, () => api.getRecords('it', 1, { signal })));
      await new Promise((resolve) => setImmediate(resolve));
      process.off('warning', onWarning);
      expect(warnings).to.deep.equal([]);
      expect(listeners).to.equal(0);
    });
  });

  it('ends calls under way when it is closed, also those that wait for a socket', async () => {
    const api = await open(() => api.close(), { maxSockets: 1 });
    const errors = await Promise.all([1, 2, 3].map(() => failure(api.getRecords('it', 1))));
    expect(errors.map((error) => error.kind)).to.deep.equal(['aborted', 'aborted', 'aborted']);
    expect((await failure(api.getRecords('it', 1))).kind).to.equal('aborted');
    expect(endpoint.calls).to.have.length(1);
  });

  describe('errors of AWS', () => {
    const table: [string, string, number, string, string][] = [
      ['ProvisionedThroughputExceededException', 'Rate exceeded for shard', 400, 'throttled', 'ERR_AWS'],
      ['com.amazonaws.kinesis#LimitExceededException', 'Rate exceeded', 400, 'throttled', 'ERR_AWS'],
      ['ExpiredIteratorException', 'Iterator expired', 400, 'expired-iterator', 'ERR_AWS'],
      [
        'ResourceNotFoundException',
        'Stream orders under account 1 not found.',
        400,
        'stream-missing',
        'ERR_STREAM_NOT_FOUND',
      ],
      ['AccessDeniedException', 'not authorized to perform', 400, 'access-denied', 'ERR_ACCESS_DENIED'],
      [
        'UnrecognizedClientException',
        'The security token is invalid.',
        400,
        'credentials-refused',
        'ERR_ACCESS_DENIED',
      ],
      [
        'InvalidSignatureException',
        'The signature does not match.',
        403,
        'credentials-refused',
        'ERR_ACCESS_DENIED',
      ],
      ['InvalidArgumentException', 'Invalid ShardIterator.', 400, 'invalid-argument', 'ERR_AWS'],
      ['KMSThrottlingException', 'slow', 400, 'throttled', 'ERR_AWS'],
      ['KMSDisabledException', 'disabled', 400, 'key-unusable', 'ERR_AWS'],
      ['ResourceInUseException', 'not ACTIVE', 400, 'not-active', 'ERR_STREAM_NOT_ACTIVE'],
      ['InternalFailure', '', 500, 'service-error', 'ERR_AWS'],
      ['ServiceUnavailable', '', 503, 'service-error', 'ERR_AWS'],
      ['SomethingNew', 'who knows', 400, 'fatal', 'ERR_AWS'],
    ];
    for (const [type, message, status, kind, code] of table) {
      it(`${type} arrives as ${kind}`, async () => {
        const api = await open((_call, response) => fail(response, type, message, status));
        const error = await failure(api.getRecords('it', 1));
        expect(error).to.include({ kind, code });
        expect(error.message).to.include(`GetRecords on stream orders failed: `).and.include(message);
        expect(error.cause).to.be.instanceOf(Error).and.have.property('name', type.split('#').at(-1));
      });
    }

    it('a page of HTML with status 503 is transient, with 403 fatal', async () => {
      let status = 503;
      const api = await open((_call, response) => reply(response, '<html>', status));
      expect((await failure(api.listShards({ type: 'ALL' }))).kind).to.equal('transient');
      status = 403;
      expect((await failure(api.listShards({ type: 'ALL' }))).kind).to.equal('fatal');
    });

    it('a refused connection and an unknown host are transient', async () => {
      await open(answers(PAGE));
      await endpoint.close();
      for (const url of [endpoint.url, 'http://nowhere.invalid:1']) {
        const api = createKinesisApi({
          address: { stream: 'orders', region: 'eu-west-1', endpoint: url },
          credentials: async () => KEYS,
          maxAttempts: 1,
          maxSockets: 1,
          limits: CALL_LIMITS,
        });
        opened.push(api);
        expect(await failure(api.getRecords('it', 1))).to.include({
          kind: 'transient',
          code: 'ERR_CONNECTION',
        });
      }
    });
  });

  describe('credentials', () => {
    const keyOf = (call: Call) => /Credential=(\w+)/.exec(String(call.headers.authorization))?.[1];

    it('are loaded once for many calls, and again when their end is near', async () => {
      let now = Date.now();
      let loaded = 0;
      const api = await open(answers(PAGE), {
        clock: { now: () => now },
        credentials: async () => ({
          ...KEYS,
          accessKeyId: `K${++loaded}`,
          sessionToken: 'tok',
          expiration: now + 3_600_000,
        }),
      });
      await Promise.all([1, 2, 3].map(() => api.getRecords('it', 1)));
      now += 54 * 60_000;
      await api.getRecords('it', 1);
      now += 2 * 60_000;
      await api.getRecords('it', 1);
      expect(endpoint.calls.map(keyOf)).to.deep.equal(['K1', 'K1', 'K1', 'K1', 'K2']);
      expect(endpoint.calls[0]!.headers['x-amz-security-token']).to.equal('tok');
    });

    it('that AWS finds expired are renewed, and the call repeated', async () => {
      const asked: boolean[] = [];
      const api = await open(
        (call, response) => {
          if (keyOf(call) === 'OLD') fail(response, 'ExpiredTokenException', 'The security token is expired');
          else reply(response, PAGE);
        },
        {
          credentials: async (renew = false) => {
            asked.push(renew);
            return { ...KEYS, accessKeyId: renew ? 'NEW' : 'OLD' };
          },
        },
      );
      await api.getRecords('it', 1);
      await api.getRecords('it', 1);
      expect(asked).to.deep.equal([false, true]);
      expect(endpoint.calls.map(keyOf)).to.deep.equal(['OLD', 'NEW', 'NEW']);
    });

    it('that stay expired end the call after one more attempt', async () => {
      const api = await open((_call, response) => fail(response, 'ExpiredTokenException', 'expired'));
      expect(await failure(api.getRecords('it', 1))).to.include({
        kind: 'credentials-expired',
        code: 'ERR_ACCESS_DENIED',
      });
      expect(endpoint.calls).to.have.length(2);
    });

    it('that cannot be loaded fail the call, and nothing is sent', async () => {
      const api = await open(answers(PAGE), {
        credentials: async () => {
          throw Object.assign(new Error('none'), { name: 'CredentialsProviderError' });
        },
      });
      expect(await failure(api.getRecords('it', 1))).to.include({
        kind: 'credentials',
        code: 'ERR_CREDENTIALS',
      });
      expect(endpoint.calls).to.have.length(0);
    });
  });

  describe('where the stream is', () => {
    const names = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'];
    const names2 = ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_KINESIS', 'AWS_PROFILE'];
    const saved = new Map<string, string | undefined>();
    beforeEach(() => {
      for (const name of [...names, ...names2]) {
        saved.set(name, process.env[name]);
        delete process.env[name];
      }
      process.env['AWS_CONFIG_FILE'] = '/nonexistent/config';
      process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/nonexistent/credentials';
    });
    afterEach(() => {
      for (const [name, value] of saved) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });

    const openAt = (stream: string, region: string | null): KinesisApi => {
      const api = createKinesisApi({
        address: { stream, region, endpoint: null },
        credentials: async () => KEYS,
        maxAttempts: 1,
        maxSockets: 1,
        limits: CALL_LIMITS,
      });
      opened.push(api);
      return api;
    };
    const signedFor = () => String(endpoint.calls.at(-1)!.headers.authorization).split('/')[2];

    for (const variable of ['AWS_ENDPOINT_URL_KINESIS', 'AWS_ENDPOINT_URL']) {
      for (const stream of ['orders', ARN]) {
        it(`is read from ${variable} for ${stream}`, async () => {
          await open(answers(PAGE));
          process.env[variable] = endpoint.url;
          await openAt(stream, 'eu-west-1').getRecords('it', 1);
          expect(endpoint.calls).to.have.length(1);
        });
      }
    }

    it('takes the region from the option, the ARN, or the environment', async () => {
      await open(answers(PAGE));
      process.env['AWS_ENDPOINT_URL_KINESIS'] = endpoint.url;
      process.env['AWS_REGION'] = 'sa-east-1';
      await openAt('orders', 'us-east-2').getRecords('it', 1);
      expect(signedFor()).to.equal('us-east-2');
      await openAt(ARN, null).getRecords('it', 1);
      expect(signedFor()).to.equal('eu-west-1');
      await openAt('orders', null).getRecords('it', 1);
      expect(signedFor()).to.equal('sa-east-1');
    });

    it('says what to do when there is no region at all', async () => {
      await open(answers(PAGE));
      process.env['AWS_ENDPOINT_URL_KINESIS'] = endpoint.url;
      const error = await failure(openAt('orders', null).getRecords('it', 1));
      expect(error).to.include({ kind: 'fatal', code: 'ERR_INVALID_OPTION' });
      expect(error.message).to.include('`region`').and.include('AWS_REGION');
    });

    it('refuses an impossible address at once', () => {
      expect(() => openAt('a/b', null))
        .to.throw()
        .with.property('code', 'ERR_INVALID_OPTION');
    });

    it('leaves the environment as it was', () => {
      const before = { ...process.env };
      openAt('orders', 'eu-west-1');
      expect({ ...process.env }).to.deep.equal(before);
    });
  });

  describe('listShards', () => {
    const shard = (n: number) => ({
      ShardId: `shardId-00000000000${n}`,
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' },
      SequenceNumberRange: { StartingSequenceNumber: '1', EndingSequenceNumber: n === 0 ? '5' : null },
      ...(n === 2
        ? { ParentShardId: 'shardId-000000000000', AdjacentParentShardId: 'shardId-000000000001' }
        : {}),
    });
    const DATE = 'Tue, 24 Nov 2026 10:00:00 GMT';
    const pages: Answer = (call, response) => {
      const token = call.input['NextToken'];
      const n = token === undefined ? 0 : token === 't1' ? 1 : 2;
      const NextToken = n < 2 ? `t${n + 1}` : null;
      const date = token === undefined ? DATE : 'Tue, 24 Nov 2026 11:00:00 GMT';
      reply(response, { Shards: [shard(n)], NextToken }, 200, { date });
    };

    for (const [stream, name] of [
      ['orders', { StreamName: 'orders' }],
      [ARN, { StreamARN: ARN }],
    ] as const) {
      it(`reads every page, with ${Object.keys(name)[0]} on the first one only`, async () => {
        const api = await open(pages, { stream });
        const { shards, serverTimeMs } = await api.listShards({ type: 'AT_TIMESTAMP', at: 1_500 });
        expect(inputs()).to.deep.equal([
          { ...name, ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: 1.5 } },
          { NextToken: 't1' },
          { NextToken: 't2' },
        ]);
        expect(serverTimeMs).to.equal(Date.parse(DATE));
        expect(shards.map(({ shardId }) => shardId.at(-1))).to.deep.equal(['0', '1', '2']);
        expect(shards[0]).to.deep.equal({
          shardId: 'shardId-000000000000',
          parentShardId: null,
          adjacentParentShardId: null,
          startingHashKey: '0',
          endingHashKey: '9',
          startingSequenceNumber: '1',
          endingSequenceNumber: '5',
        });
        expect(shards[2]).to.include({
          parentShardId: 'shardId-000000000000',
          adjacentParentShardId: 'shardId-000000000001',
          endingSequenceNumber: null,
        });
      });
    }

    it('sends no filter for ALL, and the type alone for the others', async () => {
      const api = await open(answers({ Shards: [] }));
      await api.listShards({ type: 'ALL' });
      await api.listShards({ type: 'AT_LATEST' });
      await api.listShards({ type: 'AT_TRIM_HORIZON' });
      expect(inputs().map((input) => input['ShardFilter'])).to.deep.equal([
        undefined,
        { Type: 'AT_LATEST' },
        { Type: 'AT_TRIM_HORIZON' },
      ]);
    });

    it('does not put its own clock for a Date header that is missing', async () => {
      const api = await open((_call, response) => {
        response.sendDate = false;
        reply(response, { Shards: [] });
      });
      expect((await failure(api.listShards({ type: 'ALL' }))).message).to.include('Date');
    });

    for (const [title, body] of [
      ['an empty body', ''],
      ['a body without Shards', {}],
      ['a cut body', '{"Shards":['],
    ] as const) {
      it(`takes ${title} for a transient failure, not for a stream without shards`, async () => {
        const api = await open(answers(body));
        expect((await failure(api.listShards({ type: 'ALL' }))).kind).to.equal('transient');
      });
    }

    it('does not follow a token that leads to itself', async () => {
      const api = await open(answers({ Shards: [], NextToken: 'same' }));
      await failure(api.listShards({ type: 'ALL' }));
      expect(endpoint.calls).to.have.length(2);
    });
  });

  describe('getShardIterator', () => {
    const positions: [string, Position, Record<string, unknown>][] = [
      ['TRIM_HORIZON', TRIM_HORIZON, { ShardIteratorType: 'TRIM_HORIZON' }],
      [
        'LATEST',
        latestPosition(1_700_000_000_123),
        { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1_700_000_000.123 },
      ],
      [
        'a time',
        timestampPosition(1_700_000_000_500),
        { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1_700_000_000.5 },
      ],
      [
        'a sequence number',
        sequencePosition('49590338271490256608559692538361571095921575989136588898', 3),
        {
          ShardIteratorType: 'AT_SEQUENCE_NUMBER',
          StartingSequenceNumber: '49590338271490256608559692538361571095921575989136588898',
        },
      ],
    ];
    for (const [title, position, expected] of positions) {
      it(`asks for ${title}`, async () => {
        const api = await open(answers({ ShardIterator: 'it' }));
        expect(await api.getShardIterator('shardId-000000000001', position)).to.equal('it');
        expect(inputs()).to.deep.equal([
          { StreamName: 'orders', ShardId: 'shardId-000000000001', ...expected },
        ]);
      });
    }

    it('has none for the end of a shard', async () => {
      const api = await open(answers({ ShardIterator: 'it' }));
      expect(await failure(api.getShardIterator('s', SHARD_END))).to.include({
        kind: 'fatal',
        code: 'ERR_INTERNAL',
      });
      expect(endpoint.calls).to.have.length(0);
    });
  });

  it('describes a stream', async () => {
    const StreamDescriptionSummary = {
      StreamName: 'orders',
      StreamARN: ARN,
      StreamStatus: 'ACTIVE',
      OpenShardCount: 3,
      RetentionPeriodHours: 24,
    };
    const api = await open(answers({ StreamDescriptionSummary }), { stream: ARN });
    expect(await api.describeStream()).to.deep.equal({
      name: 'orders',
      arn: ARN,
      status: 'ACTIVE',
      openShardCount: 3,
      retentionHours: 24,
    });
    expect(inputs()).to.deep.equal([{ StreamARN: ARN }]);
  });

  it('creates a stream, by name even when given an ARN', async () => {
    const api = await open(answers(''), { stream: ARN });
    await api.createStream({ count: 2 });
    await api.createStream('on-demand');
    expect(inputs()).to.deep.equal([
      { StreamName: 'orders', ShardCount: 2 },
      { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' } },
    ]);
  });

  describe('putRecords', () => {
    const entries = [
      { data: Buffer.from('a'), partitionKey: 'p', explicitHashKey: null },
      { data: new Uint8Array([255]), partitionKey: 'q', explicitHashKey: '7' },
    ];

    it('gives one outcome per entry, in order', async () => {
      const api = await open(
        answers({
          FailedRecordCount: 1,
          Records: [
            { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' },
            { ShardId: 's', SequenceNumber: '12', ErrorCode: null },
          ],
        }),
      );
      expect(await api.putRecords(entries)).to.deep.equal([
        { ok: false, errorCode: 'ProvisionedThroughputExceededException', message: 'Rate exceeded' },
        { ok: true, shardId: 's', sequenceNumber: '12' },
      ]);
      expect(inputs()).to.deep.equal([
        {
          StreamName: 'orders',
          Records: [
            { Data: 'YQ==', PartitionKey: 'p' },
            { Data: '/w==', PartitionKey: 'q', ExplicitHashKey: '7' },
          ],
        },
      ]);
    });

    it('does not take a reply with fewer results than entries for success', async () => {
      const api = await open(
        answers({ FailedRecordCount: 0, Records: [{ ShardId: 's', SequenceNumber: '1' }] }),
      );
      expect((await failure(api.putRecords(entries))).kind).to.equal('transient');
    });
  });
});
