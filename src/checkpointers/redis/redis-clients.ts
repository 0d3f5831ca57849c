// Makes clients of the library from the options: for one server, through Sentinels, or for a cluster.
//
// The library is told to repeat nothing behind our back: a command that was sent is never sent again on another connection,
// and none waits in a queue for a server to come back.

import { Cluster, Redis, type RedisOptions as AnyClientOptions } from 'ioredis';
import type { RedisAddress, RedisOptions } from './redis-options.ts';
import { directConnector, sentinelConnector } from './redis-connector.ts';
import { isReadOnly } from './redis-errors.ts';

export type RedisClient = Redis | Cluster;
type ClientOptions = Omit<AnyClientOptions, 'replyMapping'>;

export interface RedisClients {
  /** In words, for messages. */
  readonly where: string;
  /** Not connected yet. A connection that owes an answer and is silent for `stallMs` is closed. */
  calls(stallMs: number, onError: (error: Error) => void): RedisClient;
  /** One that ends with its connection; null where no server is known at the moment. */
  subscriber(of: RedisClient, stallMs: number): Redis | null;
}

const CONNECT_WITHIN_MS = 2_000;
/** After the connection was closed by us, for its last bytes. */
const DISCONNECT_WITHIN_MS = 200;
const MAX_BACK_OFF_MS = 1_000;
/** How often a call follows a slot that moves. */
const MAX_REDIRECTIONS = 5;

export const backOff = (attempt: number): number => Math.min(50 * 2 ** (attempt - 1), MAX_BACK_OFF_MS);

export function redisClients(options: RedisOptions): RedisClients {
  const { servers, natMap } = options;
  const shared = (stallMs: number): ClientOptions => ({
    username: options.username ?? undefined,
    password: options.password ?? undefined,
    protocol: options.protocol,
    ...(options.tls === null ? {} : { tls: { ...options.tls } as ClientOptions['tls'] }),
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN_MS,
    disconnectTimeout: DISCONNECT_WITHIN_MS,
    socketTimeout: stallMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
    maxLoadingRetryTime: 500,
    keepAlive: 5_000,
  });
  const toOne = (address: RedisAddress, stallMs: number): ClientOptions => ({
    ...shared(stallMs),
    ...address,
    db: options.db,
  });
  const toMaster = (stallMs: number): ClientOptions => {
    if (servers.kind !== 'sentinel') throw new Error('There are no Sentinels');
    return {
      ...shared(stallMs),
      db: options.db,
      sentinels: servers.sentinels.map((each) => ({ ...each })),
      name: servers.masterName,
      sentinelUsername: servers.username ?? undefined,
      sentinelPassword: servers.password ?? undefined,
      sentinelCommandTimeout: CONNECT_WITHIN_MS,
      // Ends; whoever uses the client makes the next one.
      sentinelRetryStrategy: () => null,
      ...(natMap === null ? {} : { natMap }),
      ...(options.tls === null
        ? {}
        : { enableTLSForSentinelMode: true, sentinelTLS: { ...options.tls } as ClientOptions['tls'] }),
    };
  };
  const direct = (onError: (error: Error) => void) => ({ Connector: directConnector(onError) });
  const viaSentinel = (onError: (error: Error) => void) => ({ Connector: sentinelConnector(onError) });
  const ignored = () => undefined;
  const once: ClientOptions = { retryStrategy: null };
  const again: ClientOptions = {
    retryStrategy: backOff,
    enableOfflineQueue: false,
    reconnectOnError: isReadOnly,
  };

  return {
    where: inWords(options),
    calls(stallMs, onError) {
      switch (servers.kind) {
        case 'single':
          return new Redis({ ...toOne(servers.address, stallMs), ...again, ...direct(onError) });
        case 'sentinel':
          return new Redis({ ...toMaster(stallMs), ...again, ...viaSentinel(onError) });
        case 'cluster':
          return new Cluster(
            servers.nodes.map((each) => ({ ...each })),
            {
              lazyConnect: true,
              redisOptions: { ...shared(stallMs), commandTimeout: stallMs, ...direct(onError) },
              clusterRetryStrategy: backOff,
              // Said by the answer of a call.
              enableReadyCheck: false,
              slotsRefreshTimeout: CONNECT_WITHIN_MS,
              maxRedirections: MAX_REDIRECTIONS,
              // Zero: not sent again.
              retryDelayOnFailover: 0,
              retryDelayOnClusterDown: 0,
              ...(natMap === null ? {} : { natMap }),
            },
          );
        default:
          return servers satisfies never;
      }
    },
    subscriber(of, stallMs) {
      switch (servers.kind) {
        case 'single':
          return new Redis({ ...toOne(servers.address, stallMs), ...once, ...direct(ignored) });
        case 'sentinel':
          return new Redis({ ...toMaster(stallMs), ...once, ...viaSentinel(ignored) });
        case 'cluster': {
          // What is published at one node of a cluster is heard at all.
          const nodes = of instanceof Cluster ? of.nodes('all') : [];
          const node = nodes[Math.floor(Math.random() * nodes.length)];
          if (node === undefined) return null;
          const { host = '', port = 0 } = node.options;
          return new Redis({ ...shared(stallMs), host, port, ...once, ...direct(ignored) });
        }
        default:
          return servers satisfies never;
      }
    },
  };
}

function inWords({ servers }: RedisOptions): string {
  const list = (addresses: readonly RedisAddress[]) =>
    addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  switch (servers.kind) {
    case 'single':
      return `Redis at ${list([servers.address])}`;
    case 'sentinel':
      return `the Redis master '${servers.masterName}' of the Sentinels at ${list(servers.sentinels)}`;
    case 'cluster':
      return `the Redis Cluster at ${list(servers.nodes)}`;
    default:
      return servers satisfies never;
  }
}
