// A store that counts what reaches it: commands by Redis itself, requests and units of DynamoDB by a proxy, transactions by lmdb.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { openLeaseStore } from '../../src/checkpointers/open-lease-store.ts';
import type { CheckpointerName, NamedSpec } from '../../src/model/specs.ts';
import type { FleetStore, FleetStoreName } from '../../test/integration/fleet-store.ts';
import { startFaultProxy } from '../../test/fakes/fault-proxy.ts';
import { startDynoxide } from '../../test/support/dynamodb-server.ts';
import { startRedisServer } from '../../test/support/redis-server.ts';

export interface StoreCounts {
  /** Calls of scripts, write requests, committed transactions. */
  readonly writes: number;
  /** Read requests; NaN where nobody counts them. */
  readonly reads: number;
  /** Of DynamoDB; 0 elsewhere. */
  readonly readUnits: number;
}

export interface CountedStore extends FleetStore {
  /** Since the start. */
  counts(): Promise<StoreCounts>;
}

export async function startCountedStore(name: FleetStoreName): Promise<CountedStore> {
  switch (name) {
    case 'local':
      return countedLocal();
    case 'redis':
      return countedRedis();
    case 'dynamodb':
      return countedDynamodb();
    default:
      return name satisfies never;
  }
}

function withSpec(
  spec: NamedSpec<CheckpointerName>,
  counts: CountedStore['counts'],
  stop: () => Promise<unknown>,
  seenAt: NamedSpec<CheckpointerName> = spec,
): CountedStore {
  return {
    specOf: () => spec,
    lineOf: () => null,
    look: (scope) => openLeaseStore(seenAt, scope),
    counts,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** lmdb numbers its transactions, in the newer one of two headers. */
const HEADERS_AT = [24, 4096 + 24] as const;
const TRANSACTION_AT = 128;

async function countedLocal(): Promise<CountedStore> {
  const path = mkdtempSync(join(tmpdir(), 'shardpool-bench-'));
  const counts = async () => {
    const file = readFileSync(join(path, 'leases.mdb'));
    const numbers = HEADERS_AT.map((at) => Number(file.readBigUInt64LE(at + TRANSACTION_AT)));
    return { writes: Math.max(...numbers), reads: Number.NaN, readUnits: 0 };
  };
  return withSpec({ name: 'local', options: { path } }, counts, async () =>
    rmSync(path, { recursive: true, force: true }),
  );
}

async function countedRedis(): Promise<CountedStore> {
  const { host, port, cli, stop } = await startRedisServer();
  const counts = async () => {
    const calls = new Map(
      [...(await cli('INFO', 'commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(
        ([, command, count]) => [command!, Number(count)] as const,
      ),
    );
    const of = (...commands: readonly string[]) =>
      commands.reduce((sum, command) => sum + (calls.get(command) ?? 0), 0);
    const scripts = of('evalsha', 'eval', 'fcall', 'evalsha_ro', 'eval_ro', 'fcall_ro');
    // A script that writes sets or deletes one row; where it counts `rev` too, it sets that and tells it.
    const writes = of('hset', 'hdel') - of('publish', 'spublish');
    return { writes, reads: scripts - writes, readUnits: 0 };
  };
  return withSpec({ name: 'redis', options: { host, port } }, counts, stop);
}

const WRITES = ['PutItem', 'UpdateItem', 'DeleteItem'];

async function countedDynamodb(): Promise<CountedStore> {
  const server = await startDynoxide();
  const proxy = await startFaultProxy(server.endpoint);
  const client = new DynamoDBClient(server);
  const { region, credentials } = server;
  /** Of the first page of such a query, as the table is when it is asked for. */
  const unitsOf = async (body: string): Promise<number> => {
    const query = { ...(JSON.parse(body) as QueryCommandInput), ReturnConsumedCapacity: 'TOTAL' as const };
    return (await client.send(new QueryCommand(query))).ConsumedCapacity?.CapacityUnits ?? Number.NaN;
  };
  const counts = async () => {
    const { requests } = proxy;
    const queries = requests.filter(({ operation }) => operation === 'Query');
    const texts = new Map<string, number>();
    for (const { body } of queries) {
      const text = body.toString();
      texts.set(text, (texts.get(text) ?? 0) + 1);
    }
    let readUnits = 0;
    for (const [text, times] of texts) readUnits += times * (await unitsOf(text));
    return {
      writes: requests.filter(({ operation }) => WRITES.includes(operation)).length,
      reads: requests.filter(({ operation }) => operation === 'Query' || operation === 'GetItem').length,
      readUnits,
    };
  };
  const options = (endpoint: string) => ({ endpoint, region, credentials });
  return withSpec(
    { name: 'dynamodb', options: options(proxy.endpoint) },
    counts,
    async () => {
      client.destroy();
      await proxy[Symbol.asyncDispose]();
      await server.stop();
    },
    { name: 'dynamodb', options: options(server.endpoint) },
  );
}
