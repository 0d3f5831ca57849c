// How the client library gets its sockets. Its own way listens for one error of a socket, and a second one (TLS has them)
// would end the process; and in a cluster it keeps the reason of a failure to itself.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions, SentinelConnector } from 'ioredis';

export type Connector = NonNullable<RedisOptions['Connector']>;

/** To the host and port of the options. `onError` gets every error of every socket. */
export function directConnector(onError: (error: Error) => void): Connector {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;

    constructor(options: RedisOptions) {
      super(options.disconnectTimeout ?? 0);
      this.#options = options;
    }

    connect(): Promise<Socket> {
      const { host = 'localhost', port = 6379, tls } = this.#options;
      this.connecting = true;
      const stream = tls === undefined ? connectTcp({ host, port }) : connectTls({ host, port, ...tls });
      stream.on('error', onError);
      this.stream = stream;
      return Promise.resolve(stream);
    }
  } as Connector;
}

/** To the master that the Sentinels name. */
export function sentinelConnector(onError: (error: Error) => void): Connector {
  const connector = class extends SentinelConnector {
    override async connect(...args: Parameters<SentinelConnector['connect']>) {
      const stream = await super.connect(...args);
      stream.on('error', onError);
      return stream;
    }
  };
  // The connections to the Sentinels themselves. Private in its types, so not a method above; where it has another name one
  // day, nothing is lost but the reason of a failure.
  const { connectToSentinel } = SentinelConnector.prototype as unknown as WithSentinels;
  Object.defineProperty(connector.prototype, 'connectToSentinel', {
    value(this: unknown, endpoint: unknown, options?: object): unknown {
      return connectToSentinel?.call(this, endpoint, { ...options, Connector: directConnector(onError) });
    },
  });
  return connector as Connector;
}

interface WithSentinels {
  readonly connectToSentinel?: (endpoint: unknown, options?: object) => unknown;
}
