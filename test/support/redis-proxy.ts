// A TCP proxy in front of a Redis server that loses what the network loses: requests, replies, connections.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What happens to connections from now on; those that are open are treated so too. */
export type RedisProxyFault =
  /** Requests arrive, and no reply does. */
  | 'lose-replies'
  /** Neither does, and the connection stays. */
  | 'stall'
  /** Requests arrive, and instead of the reply comes a reset. */
  | 'reset-on-reply'
  /** Open connections are reset, and so are new ones. */
  | 'reset';

export interface RedisProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  fail(fault: RedisProxyFault): void;
  /** What was held back stays lost; connections that stood during the fault are reset. */
  heal(): void;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';

export async function startRedisProxy(upstream: { host: string; port: number }): Promise<RedisProxy> {
  let fault: RedisProxyFault | null = null;
  let connections = 0;
  const pairs = new Set<readonly [Socket, Socket]>();
  const reset = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };

  const server = createServer((near) => {
    connections += 1;
    const far = connect({ host: upstream.host, port: upstream.port });
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    near.on('data', (chunk) => {
      if (fault !== 'stall') far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (fault === null) near.write(chunk);
      else if (fault === 'reset-on-reply') near.resetAndDestroy();
    });
    if (fault === 'reset') near.resetAndDestroy();
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      reset();
    });
  return {
    host: HOST,
    port,
    get connections() {
      return connections;
    },
    fail(next) {
      fault = next;
      if (next === 'reset') reset();
    },
    heal() {
      if (fault !== null) reset();
      fault = null;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
