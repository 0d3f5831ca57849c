// A client of DynamoDB with connections of its own, on which every call comes to an end in time and nothing is repeated that
// must not be.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { abortable } from '../../kinesis/abortable.ts';
import type { Credentials } from '../../kinesis/api.ts';
import { createCallSlots } from '../../kinesis/call-slots.ts';
import type { CredentialCache } from '../../kinesis/credential-cache.ts';
import { classify } from '../../kinesis/errors.ts';
import { keepAliveAgents, wasClosedWhileIdle } from '../../kinesis/keep-alive-agents.ts';
import { lastGoodLookup } from '../../kinesis/last-good-lookup.ts';
import { LeaseStoreError } from '../../model/lease-store.ts';
import type { Timers } from '../../platform/timers.ts';
import { type CallKind, failure, unanswered } from './dynamodb-errors.ts';
import type { DynamodbOptions } from './dynamodb-options.ts';

export interface LineParts {
  readonly options: Pick<DynamodbOptions, 'region' | 'endpoint' | 'table'>;
  readonly credentials: CredentialCache;
  readonly timers: Timers;
  /** For each call, whatever it does, the wait for its turn included. */
  readonly limitMs: number;
  /** Calls that go on at once, each on a connection of its own. */
  readonly maxSockets: number;
}

export interface Call {
  readonly kind: CallKind;
  /** For messages: what it does, as in "take". */
  readonly name: string;
  /** Applied twice it answers as applied once, so it may be sent again where a connection was lost under it. */
  readonly isRepeatable: boolean;
}

export interface Line {
  /** Rejects with a ShardpoolError only; but what `passes` knows goes through as it is. `attempt` may run more than once. */
  call<T>(
    call: Call,
    attempt: (client: DynamoDBClient, signal: AbortSignal) => Promise<T>,
    passes?: (error: unknown) => boolean,
  ): Promise<T>;
  /** Ends the calls under way, and each later one. */
  close(): void;
}

export function createLine({ options, credentials, timers, limitMs, maxSockets }: LineParts): Line {
  const agents = keepAliveAgents({ maxSockets, lookup: lastGoodLookup(timers) });
  const slots = createCallSlots(maxSockets);
  const closing = new AbortController();
  const client = createClient(options, agents, limitMs, () => credentials.get());

  const doingOf = (name: string) => `\`${name}\` on table ${options.table}`;

  const once = async <T>(
    { kind, name }: Call,
    attempt: (client: DynamoDBClient, signal: AbortSignal) => Promise<T>,
    overdue: AbortSignal,
  ): Promise<T> => {
    const doing = doingOf(name);
    let giveBack: (() => void) | null = null;
    let used: Credentials | null = null;
    try {
      const signals = [closing.signal, overdue];
      giveBack = await abortable(signals, slots.take);
      return await abortable(signals, async (signal) => {
        // What the SDK is about to sign with: only of these does a refusal tell.
        used = await credentials.get();
        return attempt(client, signal);
      });
    } catch (error) {
      if (giveBack === null) throw notSent(`${doing} waited in vain for one of ${maxSockets} connections`);
      if (closing.signal.aborted) throw unanswered(kind, `${doing} was cut short: the lease store is closed`);
      if (overdue.aborted) {
        agents.dropIdle();
        throw unanswered(kind, `${doing} was not answered within ${limitMs} ms`);
      }
      if (isAboutCredentials(error)) credentials.refuse(used);
      throw error;
    } finally {
      giveBack?.();
    }
  };

  return {
    async call(call, attempt, passes = () => false) {
      if (closing.signal.aborted) throw new LeaseStoreError('not-applied', 'The lease store is closed');
      const overdue = new AbortController();
      const timer = timers.setTimeout(() => overdue.abort(), limitMs);
      const repeatedFor = new Set<string>();
      try {
        for (;;) {
          try {
            return await once(call, attempt, overdue.signal);
          } catch (error) {
            if (passes(error) || error instanceof LeaseStoreError) throw error;
            const reason = reasonToRepeat(call, error);
            if (reason === null || repeatedFor.has(reason))
              throw failure(error, call.kind, doingOf(call.name));
            repeatedFor.add(reason);
          }
        }
      } finally {
        timers.clearTimeout(timer);
      }
    },
    close() {
      closing.abort();
      client.destroy();
    },
  };
}

function notSent(message: string): LeaseStoreError {
  return new LeaseStoreError('not-applied', message, { retryable: true });
}

const SIGNATURE_ERRORS =
  /^(?:InvalidSignatureException|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed)$/;

/** What the next attempt, made at once, may not meet again. The first two were refused before they could do anything. */
function reasonToRepeat(
  { isRepeatable }: Call,
  error: unknown,
): 'credentials' | 'clock' | 'connection' | null {
  const { name, $metadata } = (error ?? {}) as {
    name?: unknown;
    $metadata?: { clockSkewCorrected?: boolean };
  };
  // The SDK has set its clock by this very reply.
  if ($metadata?.clockSkewCorrected === true && SIGNATURE_ERRORS.test(String(name))) return 'clock';
  if (isAboutCredentials(error)) return 'credentials';
  return isRepeatable && wasClosedWhileIdle(error) ? 'connection' : null;
}

function isAboutCredentials(error: unknown): boolean {
  const { kind } = classify(error);
  return kind === 'credentials-expired' || kind === 'credentials-refused';
}

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function createClient(
  { region, endpoint }: Pick<DynamodbOptions, 'region' | 'endpoint'>,
  agents: ReturnType<typeof keepAliveAgents>,
  limitMs: number,
  load: () => Promise<Credentials>,
): DynamoDBClient {
  const provider = async () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await load();
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
      expiration: new Date(expiration),
    };
  };
  const client = quietly(
    () =>
      new DynamoDBClient({
        ...(region === null ? {} : { region }),
        ...(endpoint === null ? {} : { endpoint }),
        // The cache must be ours alone: the SDK's would keep credentials that AWS refused.
        credentials: Object.assign(provider, { memoized: true }),
        // A repetition of an applied write is answered with "condition failed": whoever repeats must know that it does.
        maxAttempts: 1,
        retryMode: 'standard',
        endpointDiscoveryEnabled: false,
        requestHandler: new NodeHttpHandler({
          httpAgent: agents.http,
          httpsAgent: agents.https,
          // The call's own limit ends it; half of it leaves time to say that no connection stood.
          connectionTimeout: Math.ceil(limitMs / 2),
          socketTimeout: limitMs,
          logger: silent,
        }),
      }),
  );
  client.middlewareStack.remove('loggerMiddleware');
  return client;
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
