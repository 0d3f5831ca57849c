// A Redis Cluster of six nodes: three masters with a replica each.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort, type RedisServer, startRedisServer } from './redis-server.ts';
import { until } from './until.ts';

export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly servers: readonly RedisServer[];
  /** The master that has the slot of the key. */
  masterOf(key: string): Promise<RedisServer>;
  /** Gives the slot of the key, with its keys, to another master; resolves to that one. */
  moveSlotOf(key: string): Promise<RedisServer>;
  stop(): Promise<void>;
}

const NODES = 6;
const NODE_TIMEOUT_MS = 1_000;
const WITHIN_MS = 30_000;
/** The bus of a node listens 10 000 above its port. */
const BELOW_PORT = 22_768;

const run = promisify(execFile);

export async function startRedisCluster(): Promise<RedisCluster> {
  const started: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    for (let i = 0; i < NODES; i += 1) started.push(await startNode());
    const nodes = started.map(({ host, port }) => ({ host, port }));
    await run('redis-cli', [
      '--cluster',
      'create',
      ...nodes.map(({ host, port }) => `${host}:${port}`),
      '--cluster-replicas',
      '1',
      '--cluster-yes',
    ]);
    await until('all nodes see the whole cluster, and the replicas their masters', WITHIN_MS, async () => {
      const infos = await Promise.all(started.map((server) => server.cli('CLUSTER', 'INFO')));
      const lists = await Promise.all(started.map((server) => server.cli('CLUSTER', 'NODES')));
      const roles = await Promise.all(started.map((server) => server.cli('INFO', 'replication')));
      return (
        infos.every((info) => info.includes('cluster_state:ok')) &&
        lists.every((list) => (list.match(/\bslave\b/g) ?? []).length === NODES / 2) &&
        roles.every((info) => !info.includes('role:slave') || info.includes('master_link_status:up'))
      );
    });

    /** Of the first node that lives. */
    const ask = async (...args: readonly string[]): Promise<string> => {
      let failure: unknown = null;
      for (const server of started) {
        try {
          return await server.cli(...args);
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    };
    const listed = async () =>
      (await ask('CLUSTER', 'NODES')).split('\n').map((line) => {
        const [id = '', address = '', flags = '', , , , , , ...slots] = line.split(' ');
        const port = Number(/:(\d+)/.exec(address)?.[1]);
        return { id, flags, slots, server: started.find((server) => server.port === port)! };
      });
    const has = (slots: readonly string[], slot: number) =>
      slots.some((range) => {
        const [from, to = from] = range.split('-').map(Number);
        return from !== undefined && slot >= from && slot <= to!;
      });
    const slotOf = async (key: string) => Number(await ask('CLUSTER', 'KEYSLOT', key));
    const ownerOf = async (slot: number) =>
      (await listed()).find(({ flags, slots }) => isMaster(flags) && has(slots, slot))!;

    return {
      nodes,
      servers: started,
      async masterOf(key) {
        return (await ownerOf(await slotOf(key))).server;
      },
      async moveSlotOf(key) {
        const slot = await slotOf(key);
        const from = await ownerOf(slot);
        const to = (await listed()).find(({ id, flags }) => isMaster(flags) && id !== from.id)!;
        await to.server.cli('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id);
        await from.server.cli('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id);
        const keys = await from.server.cli('CLUSTER', 'GETKEYSINSLOT', String(slot), '1000');
        for (const each of keys.split('\n').filter((line) => line !== '')) {
          await from.server.cli('MIGRATE', to.server.host, String(to.server.port), each, '0', '5000');
        }
        for (const { server } of [to, from])
          await server.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id);
        return to.server;
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Not one that was, and failed. */
function isMaster(flags: string): boolean {
  return flags.includes('master') && !flags.includes('fail');
}

async function startNode(): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(BELOW_PORT);
    try {
      return await startRedisServer({
        port,
        settings: {
          'cluster-enabled': 'yes',
          'cluster-config-file': 'nodes.conf',
          'cluster-node-timeout': String(NODE_TIMEOUT_MS),
        },
      });
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}
