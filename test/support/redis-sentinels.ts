// A Redis master, replicas of it, and three Sentinels that promote one when the master is gone.

import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from './redis-server.ts';
import { until } from './until.ts';

export interface RedisSentinels extends AsyncDisposable {
  readonly masterName: string;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** Master and replicas as they were at the start. */
  readonly servers: readonly RedisServer[];
  /** The one that the Sentinels name at the moment. */
  master(): Promise<RedisServer>;
  /** Resolves when all replicas have everything that the master has. */
  inStep(): Promise<void>;
  /** Kills the master and resolves when the Sentinels name another one that takes writes. */
  failOver(): Promise<RedisServer>;
  stop(): Promise<void>;
}

const MASTER_NAME = 'leases';
const QUORUM = 2;
const DOWN_AFTER_MS = 500;
const WITHIN_MS = 30_000;

export async function startRedisSentinels({ replicas = 1 } = {}): Promise<RedisSentinels> {
  const started: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    const first = await startRedisServer();
    started.push(first);
    for (let i = 0; i < replicas; i += 1) {
      started.push(await startRedisServer({ settings: { replicaof: `${first.host} ${first.port}` } }));
    }
    const servers = [...started];
    const sentinels = await Promise.all(
      Array.from({ length: 3 }, () =>
        startRedisServer({
          isSentinel: true,
          settings: {
            sentinel: [
              `monitor ${MASTER_NAME} ${first.host} ${first.port} ${QUORUM}`,
              `down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
              `failover-timeout ${MASTER_NAME} 3000`,
            ],
          },
        }),
      ),
    );
    started.push(...sentinels);

    const master = async () => {
      for (const sentinel of sentinels) {
        const [, port] = (await sentinel.cli('SENTINEL', 'get-master-addr-by-name', MASTER_NAME)).split('\n');
        const found = servers.find((server) => server.port === Number(port));
        if (found !== undefined) return found;
      }
      throw new Error('No Sentinel names a master');
    };
    const inStep = async () => {
      const server = await master();
      await until('the replicas have what the master has', WITHIN_MS, async () => {
        const info = await server.cli('INFO', 'replication');
        const offset = /master_repl_offset:(\d+)/.exec(info)?.[1];
        const theirs = [...info.matchAll(/state=online,offset=(\d+)/g)].map((match) => match[1]);
        return theirs.length >= 1 && theirs.every((each) => each === offset);
      });
    };
    await until('the Sentinels know each other and the replicas', WITHIN_MS, async () => {
      const infos = await Promise.all(
        sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'master', MASTER_NAME)),
      );
      return infos.every((info) => {
        const fields = info.split('\n');
        const value = (name: string) => Number(fields[fields.indexOf(name) + 1]);
        return value('num-slaves') === replicas && value('num-other-sentinels') === 2;
      });
    });
    await inStep();
    return {
      masterName: MASTER_NAME,
      sentinels: sentinels.map(({ host, port }) => ({ host, port })),
      servers,
      master,
      inStep,
      async failOver() {
        const before = await master();
        await before.kill();
        return until('another master takes writes', WITHIN_MS, async () => {
          const now = await master();
          return now !== before && (await isMaster(now)) ? now : null;
        });
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function isMaster(server: RedisServer): Promise<boolean> {
  const client = new Redis({ host: server.host, port: server.port, retryStrategy: null, lazyConnect: true });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.info('replication')).includes('role:master');
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
