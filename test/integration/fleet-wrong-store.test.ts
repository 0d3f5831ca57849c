// Stores that cannot be used, or hold what is not ours: what `run` rejects with, and that nothing there is touched.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type DynamodbServer, startDynoxide } from '../support/dynamodb-server.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { runProgram } from '../support/program.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { threadsAlive } from '../support/threads-alive.ts';
import { rejection, until, within } from '../support/until.ts';

const WITHIN_MS = 15_000;
const STREAM = 'orders';
const APPLICATION = 'billing';
const PASSWORD = 'open-sesame';

type Checkpointer = Exclude<ConsumerOptions['checkpointer'], string | undefined>;

interface Case {
  readonly title: string;
  readonly checkpointer: () => Checkpointer;
  readonly code: string;
  readonly message: RegExp;
  readonly options?: Partial<ConsumerOptions>;
  /** Called before and after the run: must return the same. */
  readonly kept?: () => Promise<unknown>;
}

describe('a lease store that cannot be used', function () {
  this.timeout(60_000);
  let server!: SimulatedServer;
  let redis!: RedisServer;
  let locked!: RedisServer;
  let dynamodb!: DynamodbServer;
  let client!: DynamoDBClient;
  let folder!: string;
  const ports = { closed: 0, silent: 0, refusing: 0, page: 0 };
  const servers: (Server | HttpServer)[] = [];
  const sockets = new Set<Socket>();

  const listen = async (each: Server | HttpServer): Promise<number> => {
    servers.push(each);
    each.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    return (each.address() as AddressInfo).port;
  };
  const table = (name: string) => ({ TableName: name, BillingMode: 'PAY_PER_REQUEST' as const });
  const inDynamodb = (name: string, more: object = {}): Checkpointer => {
    const { endpoint, region, credentials } = dynamodb;
    return { name: 'dynamodb', endpoint, region, credentials, table: name, ...more };
  };
  const inRedis = (more: object = {}): Checkpointer => ({
    name: 'redis',
    host: redis.host,
    port: redis.port,
    ...more,
  });
  const options = (checkpointer: Checkpointer): ConsumerOptions => ({
    ...addressOf(server),
    stream: STREAM,
    application: APPLICATION,
    threads: 1,
    checkpointer,
  });

  before(async () => {
    // One after the other: what was started before a failure is known to `after`.
    server = await simulatedServer();
    redis = await startRedisServer();
    locked = await startRedisServer({ password: PASSWORD });
    dynamodb = await startDynoxide();
    await server.createStream(STREAM, 2);
    const gone = createServer();
    ports.closed = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    ports.silent = await listen(createServer());
    ports.page = await listen(createHttpServer((_, response) => response.end('<html>')));
    ports.refusing = await listen(
      createHttpServer((_, response) => {
        const type = 'com.amazon.coral.service#UnrecognizedClientException';
        const message = 'The security token included in the request is invalid.';
        response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify({ __type: type, message }));
      }),
    );
    folder = mkdtempSync(join(tmpdir(), 'shardpool-wrong-'));
    const { endpoint, region, credentials } = dynamodb;
    client = new DynamoDBClient({ endpoint, region, credentials });
    await client.send(
      new CreateTableCommand({
        ...table('customers'),
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'N' }],
      }),
    );
    await client.send(
      new CreateTableCommand({
        ...table('foreign'),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
      }),
    );
    const pk = { S: `${APPLICATION}#${STREAM}` };
    await client.send(
      new PutItemCommand({
        TableName: 'foreign',
        Item: { pk, sk: { S: 'shard#shardId-000000000000' }, note: { S: 'mine' } },
      }),
    );
    await redis.cli('SET', `texts:{${APPLICATION}}:${STREAM}:app`, 'mine');
    await redis.cli('HSET', `rows:{${APPLICATION}}:${STREAM}:shards`, 'shardId-000000000000', 'mine');
    writeFileSync(join(folder, 'file'), 'mine');
  });
  after(async () => {
    client?.destroy();
    for (const socket of sockets) socket.destroy();
    for (const each of servers) each.close();
    await Promise.all([server?.[Symbol.asyncDispose](), redis?.stop(), locked?.stop(), dynamodb?.stop()]);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const scan = (name: string) => async () =>
    (await client.send(new ScanCommand({ TableName: name, ConsistentRead: true }))).Items;
  const dump = (pattern: string) => async () => {
    const keys = (await redis.cli('KEYS', pattern)).split('\n').sort();
    return Promise.all(keys.map(async (key) => [key, await redis.cli('--no-raw', 'DUMP', key)]));
  };

  const CASES: readonly Case[] = [
    {
      title: 'redis at a port where nobody listens',
      checkpointer: () => inRedis({ port: ports.closed }),
      code: 'ERR_LEASE_STORE',
      message: /ECONNREFUSED/,
    },
    {
      title: 'redis that does not answer',
      checkpointer: () => inRedis({ port: ports.silent }),
      code: 'ERR_LEASE_STORE',
      message: /127\.0\.0\.1:\d+/,
    },
    {
      title: 'a web server for redis',
      checkpointer: () => inRedis({ port: ports.page }),
      code: 'ERR_LEASE_STORE',
      message: /127\.0\.0\.1:\d+/,
    },
    {
      title: 'redis without its password',
      checkpointer: () => ({ name: 'redis', host: locked.host, port: locked.port }),
      code: 'ERR_LEASE_STORE',
      message: /NOAUTH/,
    },
    {
      title: 'redis with a wrong password',
      checkpointer: () => ({ name: 'redis', host: locked.host, port: locked.port, password: 'wrong' }),
      code: 'ERR_LEASE_STORE',
      message: /WRONGPASS/,
    },
    {
      title: 'text under a key of ours in redis',
      checkpointer: () => inRedis({ keyPrefix: 'texts' }),
      code: 'ERR_LEASE_STORE',
      message: /texts:\{billing\}:orders:app/,
      kept: () => dump('texts:*')(),
    },
    {
      title: 'a row that is none of ours in redis',
      checkpointer: () => inRedis({ keyPrefix: 'rows' }),
      code: 'ERR_LEASE_STORE',
      message: /rows:\{billing\}:orders:shards/,
      kept: () => dump('rows:*:shards')(),
    },
    {
      title: 'dynamodb at a port where nobody listens',
      checkpointer: () => inDynamodb('t01', { endpoint: `http://127.0.0.1:${ports.closed}` }),
      code: 'ERR_LEASE_STORE',
      message: /ECONNREFUSED/,
    },
    {
      title: 'dynamodb that does not answer',
      checkpointer: () => inDynamodb('t02', { endpoint: `http://127.0.0.1:${ports.silent}` }),
      code: 'ERR_LEASE_STORE',
      message: /DescribeTable/,
    },
    {
      title: 'dynamodb that refuses the credentials',
      checkpointer: () => inDynamodb('t03', { endpoint: `http://127.0.0.1:${ports.refusing}` }),
      code: 'ERR_ACCESS_DENIED',
      message: /UnrecognizedClientException/,
    },
    {
      title: 'a table with another key',
      checkpointer: () => inDynamodb('customers'),
      code: 'ERR_LEASE_STORE',
      message: /The table customers is not one of shardpool.*found id \(HASH, N\)/,
      kept: () => scan('customers')(),
    },
    {
      title: 'a table that is missing and must not be made',
      checkpointer: () => inDynamodb('missing', { createTable: false }),
      code: 'ERR_LEASE_STORE',
      message: /The table missing does not exist/,
    },
    {
      title: 'an item that is none of ours in the table',
      checkpointer: () => inDynamodb('foreign'),
      code: 'ERR_LEASE_STORE',
      message: /shard#shardId-000000000000' is not a shard row.*left as it is/,
      kept: async () => (await scan('foreign')())!.filter(({ sk }) => sk!.S!.startsWith('shard#')),
    },
    {
      title: 'a file for the directory of the local store',
      checkpointer: () => ({ name: 'local', path: join(folder, 'file') }),
      code: 'ERR_LEASE_STORE',
      message: /file/,
      kept: async () => readFileSync(join(folder, 'file'), 'utf8'),
    },
    {
      title: 'a directory that cannot be made for the local store',
      checkpointer: () => ({ name: 'local', path: join(folder, 'file', 'deeper') }),
      code: 'ERR_LEASE_STORE',
      message: /deeper/,
    },
  ];

  for (const { title, checkpointer, code, message, kept } of CASES) {
    it(`${title}: ${code}`, async function () {
      const before = await kept?.();
      const threads = threadsAlive();
      let batches = 0;
      const consumer = new Consumer(options(checkpointer()));
      const startedAt = performance.now();
      const running = consumer.run(() => {
        batches += 1;
      });
      const error = await rejection('run()', WITHIN_MS, running);
      this.test!.title += ` (${(performance.now() - startedAt).toFixed(0)} ms): ${error.message}`;
      expect(error).to.have.property('code', code);
      expect(error.message).to.match(message).and.not.include(PASSWORD);
      expect(batches).to.equal(0);
      await within('the stop', WITHIN_MS, consumer.stop());
      await until('all threads are gone', WITHIN_MS, () => threadsAlive() <= threads);
      expect(await kept?.()).to.deep.equal(before);
    });
  }

  for (const [name, checkpointer] of [
    ['redis', () => inRedis({ port: ports.closed })],
    ['dynamodb', () => inDynamodb('customers')],
    ['local', () => ({ name: 'local', path: join(folder, 'file') }) as Checkpointer],
  ] as const) {
    it(`leaves nothing behind: the process ends by itself, with ${name}`, async () => {
      const end = await runProgram('fleet-refused', options(checkpointer()), 30_000);
      expect(end.code).to.equal(0);
      expect(end.lines).to.have.length(1);
      expect(end.lines[0]).to.include({ code: 'ERR_LEASE_STORE', batches: 0 });
      expect(end.lingeredMs).to.be.below(5_000);
    });
  }
});
