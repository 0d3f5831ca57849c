// The client of the AWS SDK, with the transport and the settings that a consumer of many shards needs.

import { KinesisClient } from '@aws-sdk/client-kinesis';
import type {
  AwsCredentialIdentityProvider,
  HttpResponse,
  MetadataBearer,
  MiddlewareStack,
} from '@aws-sdk/types';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { CallLimits } from '../model/call-limits.ts';
import type { ResolvedAddress } from './addressing.ts';
import type { Credentials } from './api.ts';
import type { KeepAliveAgents } from './keep-alive-agents.ts';

export interface ClientSettings {
  readonly address: ResolvedAddress;
  /** Called for each request: it caches by itself. */
  readonly credentials: () => Promise<Credentials>;
  /** Attempts of the SDK itself, the first one included. */
  readonly maxAttempts: number;
  readonly limits: CallLimits;
  readonly agents: KeepAliveAgents;
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

export function createSdkClient({
  address,
  credentials,
  maxAttempts,
  limits,
  agents,
}: ClientSettings): KinesisClient {
  const { region, endpoint } = address;
  const client = quietly(
    () =>
      new KinesisClient({
        ...(region === null ? {} : { region }),
        ...(endpoint === null ? {} : { endpoint }),
        credentials: sdkCredentials(credentials),
        maxAttempts,
        // 'adaptive' slows the whole client down: one throttled shard would starve all the others.
        retryMode: 'standard',
        // The SDK's own choice for Kinesis opens a TCP, TLS and HTTP/2 session per request and refuses http:// endpoints.
        requestHandler: new NodeHttpHandler({
          httpAgent: agents.http,
          httpsAgent: agents.https,
          connectionTimeout: limits.connectMs,
          requestTimeout: limits.replyMs,
          throwOnRequestTimeout: true,
          socketTimeout: limits.stallMs,
          logger: silent,
        }),
      }),
  );
  // It costs more than all the rest of an empty poll, even with a logger that does nothing.
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}

/**
 * Lets `look` see each raw reply of one command, before the SDK decodes it; to be put on the command's own stack. What it
 * throws goes the way of any other failure of the call, retries of the SDK included.
 */
export function onReply<Input extends object, Output extends MetadataBearer>(
  stack: MiddlewareStack<Input, Output>,
  look: (reply: HttpResponse) => Promise<void> | void,
): void {
  stack.add(
    (next) => async (args) => {
      const result = await next(args);
      await look(result.response as HttpResponse);
      return result;
    },
    // The lowest priority runs last, so inside of the SDK's deserializer.
    { step: 'deserialize', priority: 'low', name: 'shardpoolReply' },
  );
}

function sdkCredentials(load: () => Promise<Credentials>): AwsCredentialIdentityProvider {
  const provider: AwsCredentialIdentityProvider = async () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await load();
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
      expiration: new Date(expiration),
    };
  };
  // The cache must be ours alone: the SDK's would keep credentials that AWS refused. Should the SDK ever stop heeding
  // this mark, it refreshes by `expiration`.
  return Object.assign(provider, { memoized: true });
}

const WARNING_SWITCH = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED';

/** Each thread would print the SDK's notice about Node 20; the environment is left as it was. */
function quietly<T>(create: () => T): T {
  if (process.env[WARNING_SWITCH] !== undefined) return create();
  process.env[WARNING_SWITCH] = 'true';
  try {
    return create();
  } finally {
    delete process.env[WARNING_SWITCH];
  }
}
