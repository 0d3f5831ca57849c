// Public options -> resolved options: every check and every default of the consumer is here and nowhere else.

import { availableParallelism, hostname } from 'node:os';
import { ShardpoolError } from './model/errors.ts';
import { LOG_LEVELS, type Logger, silentLogger } from './model/logger.ts';
import {
  CHECKPOINTERS,
  type CheckpointerName,
  type CheckpointerSpec,
  type ModuleSpec,
  type NamedSpec,
  PROCESSORS,
  type ProcessorName,
  type ProcessorSpec,
} from './model/specs.ts';
import type { BatchShape } from './protocol.ts';

/** A built-in by name, with its options, or a module of one's own. */
export type SpecOption<Name extends string> =
  | Name
  | ({ readonly name: Name } & Readonly<Record<string, unknown>>)
  | { readonly module: string | URL; readonly options?: Readonly<Record<string, unknown>> };

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

export interface ConsumerOptions {
  /** Name or ARN. */
  readonly stream: string;
  /** Everything that shares one set of checkpoints. Default: `'default'`. */
  readonly application?: string | undefined;
  /** Default: of the ARN, else of the AWS environment. */
  readonly region?: string | undefined;
  /** URL. Default: of the AWS environment, else AWS itself. */
  readonly endpoint?: string | undefined;
  /** Keys, or a function that returns them; it runs in the main thread. Default: the AWS provider chain. */
  readonly credentials?:
    | AwsCredentials
    | ((options?: { forceRefresh?: boolean }) => Promise<AwsCredentials>)
    | undefined;
  /** Where an application begins that has never seen the stream. Default: `'TRIM_HORIZON'`. */
  readonly start?: 'TRIM_HORIZON' | 'LATEST' | Date | undefined;
  /** How bytes become records and values. Default: `'json'`. */
  readonly processor?: SpecOption<ProcessorName> | undefined;
  /** Where leases and checkpoints live. Default: `'memory'`. */
  readonly checkpointer?: SpecOption<CheckpointerName> | undefined;
  /** Fetch threads. Default: `'auto'`, one less than the cores, at least 1. */
  readonly threads?: number | 'auto' | undefined;
  /** Threads that run the handler module; 0 runs the handler in the main thread. Default: 0. */
  readonly handlerThreads?: number | undefined;
  /** Most shards that this instance reads at a time. Default: no limit. */
  readonly maxShards?: number | undefined;
  /** Most handler calls at once, per handler thread. Default: no limit; one per shard at the most. */
  readonly concurrency?: number | undefined;
  /** GetRecords calls per shard and second, of the 5 that AWS allows to all readers together. Default: 5. */
  readonly readsPerSecond?: number | undefined;
  /** Most records of one GetRecords call. Default: 10 000, the limit of AWS. */
  readonly recordLimit?: number | undefined;
  /** Longest pause between two reads of a shard without records, ms. Default: 1 000. */
  readonly idlePollMs?: number | undefined;
  /** Between two listings of the shards, ms. Default: 60 000. */
  readonly shardRefreshIntervalMs?: number | undefined;
  /** Bytes read and not yet handled, over all shards. Default: 64 MiB. */
  readonly maxBufferedBytes?: number | undefined;
  /** Records read and not yet handled, over all shards. Default: 100 000. */
  readonly maxBufferedRecords?: number | undefined;
  /** What one call of the handler gets at most. Default: 1 000 records, 1 MiB, without waiting for more. */
  readonly batch?: Partial<BatchShape> | undefined;
  /** Between two writes of the checkpoints, ms. Default: 1 000. */
  readonly checkpointIntervalMs?: number | undefined;
  /** How long a lease holds without a heartbeat, ms. Default: 10 000. */
  readonly leaseDurationMs?: number | undefined;
  /** How long `stop` waits for handlers, ms. Default: 30 000. */
  readonly drainDeadlineMs?: number | undefined;
  /** The pauses between two calls with a batch that failed, ms, doubling. Default: 100 to 30 000. */
  readonly onFailure?: { readonly minDelayMs?: number; readonly maxDelayMs?: number } | undefined;
  /** How the stream is checked at the start. Default: `'list-shards'`. */
  readonly describe?: 'list-shards' | 'describe-stream' | 'skip' | undefined;
  /** Whether to create a stream that is missing. Default: false. */
  readonly createStream?: false | { readonly shards: number } | { readonly mode: 'on-demand' } | undefined;
  /** How long a stream may take to become ACTIVE, ms. Default: 60 000. */
  readonly describeTimeoutMs?: number | undefined;
  /** Ends the iterators once nothing came for so long, ms. Default: never. */
  readonly idleTimeoutMs?: number | undefined;
  /** Name of this instance among those of the application. Default: host name and process id. */
  readonly instanceId?: string | undefined;
  /** pino and the like. Default: silent. */
  readonly logger?: Logger | undefined;
  /** Aborting it is `stop()`. */
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedConsumerOptions {
  readonly stream: string;
  readonly application: string;
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly credentials: ConsumerOptions['credentials'];
  readonly start: 'TRIM_HORIZON' | 'LATEST' | { readonly at: number };
  readonly processor: ProcessorSpec;
  readonly checkpointer: CheckpointerSpec;
  readonly threads: number;
  readonly handlerThreads: number;
  readonly maxShards: number | null;
  readonly concurrency: number | null;
  readonly readsPerSecond: number;
  readonly recordLimit: number;
  readonly idlePollMs: number;
  readonly shardRefreshIntervalMs: number;
  readonly maxBufferedBytes: number;
  readonly maxBufferedRecords: number;
  readonly batch: BatchShape;
  readonly checkpointIntervalMs: number;
  readonly leaseDurationMs: number;
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  readonly drainDeadlineMs: number;
  readonly onFailure: { readonly minDelayMs: number; readonly maxDelayMs: number };
  readonly describe: 'list-shards' | 'describe-stream' | 'skip';
  readonly createStream: { readonly shards: number } | 'on-demand' | null;
  readonly describeTimeoutMs: number;
  readonly idleTimeoutMs: number | null;
  readonly instanceId: string;
  readonly logger: Logger;
  readonly signal: AbortSignal | null;
}

const DAY_MS = 24 * 3600_000;
/** The record limit of one GetRecords call (AWS). */
const MAX_RECORD_LIMIT = 10_000;
/** Share of the lease duration that covers clocks which run apart by up to 8 %. */
const MARGIN_SHARE = 0.15;
const BEATS_PER_LEASE = 4;

/** Throws ERR_INVALID_OPTION for the first option that does not fit, and for names that are none. */
export function resolveConsumerOptions(given: ConsumerOptions): ResolvedConsumerOptions {
  if (typeof given !== 'object' || given === null) throw invalid('options', 'an object', given);
  const resolved = resolve(given);
  for (const name of Object.keys(given)) {
    if (!OPTION_NAMES.has(name)) {
      throw new ShardpoolError(
        'ERR_INVALID_OPTION',
        `\`${name}\` is not an option of a consumer; the options are ${[...OPTION_NAMES].join(', ')}`,
      );
    }
  }
  return resolved;
}

function resolve(given: ConsumerOptions): ResolvedConsumerOptions {
  const leaseDurationMs = integer(given, 'leaseDurationMs', 10_000, 2_000, DAY_MS);
  const onFailure = section(given, 'onFailure', ['minDelayMs', 'maxDelayMs']);
  const minDelayMs = integer(onFailure, 'minDelayMs', 100, 1, DAY_MS, 'onFailure.');
  const batch = section(given, 'batch', ['maxRecords', 'maxBytes', 'maxWaitMs']);
  return {
    stream: text(given, 'stream', undefined),
    application: text(given, 'application', 'default'),
    region: given.region === undefined ? null : text(given, 'region', undefined),
    endpoint: endpoint(given.endpoint),
    credentials: given.credentials,
    start: start(given.start),
    processor: spec('processor', given.processor ?? 'json', PROCESSORS),
    checkpointer: spec('checkpointer', given.checkpointer ?? 'memory', CHECKPOINTERS),
    threads:
      given.threads === undefined || given.threads === 'auto'
        ? Math.max(1, availableParallelism() - 1)
        : integer(given, 'threads', 1, 1, 256),
    handlerThreads: integer(given, 'handlerThreads', 0, 0, 256),
    maxShards: limit(given, 'maxShards'),
    concurrency: limit(given, 'concurrency'),
    readsPerSecond: number(given, 'readsPerSecond', 5, 0.01, 5),
    recordLimit: integer(given, 'recordLimit', MAX_RECORD_LIMIT, 1, MAX_RECORD_LIMIT),
    idlePollMs: integer(given, 'idlePollMs', 1_000, 200, DAY_MS),
    shardRefreshIntervalMs: integer(given, 'shardRefreshIntervalMs', 60_000, 100, DAY_MS),
    // The budget is counted in 32-bit units of 1 KiB.
    maxBufferedBytes: integer(given, 'maxBufferedBytes', 64 * 2 ** 20, 2 ** 20, 2 ** 40),
    maxBufferedRecords: integer(given, 'maxBufferedRecords', 100_000, 1, 2 ** 31 - 1),
    batch: {
      maxRecords: integer(batch, 'maxRecords', 1_000, 1, 100_000, 'batch.'),
      maxBytes: integer(batch, 'maxBytes', 2 ** 20, 1, 2 ** 30, 'batch.'),
      maxWaitMs: integer(batch, 'maxWaitMs', 0, 0, DAY_MS, 'batch.'),
    },
    checkpointIntervalMs: integer(given, 'checkpointIntervalMs', 1_000, 10, DAY_MS),
    leaseDurationMs,
    marginMs: Math.round(leaseDurationMs * MARGIN_SHARE),
    heartbeatIntervalMs: Math.round(leaseDurationMs / BEATS_PER_LEASE),
    drainDeadlineMs: integer(given, 'drainDeadlineMs', 30_000, 0, DAY_MS),
    onFailure: {
      minDelayMs,
      maxDelayMs: integer(
        onFailure,
        'maxDelayMs',
        Math.max(30_000, minDelayMs),
        minDelayMs,
        DAY_MS,
        'onFailure.',
      ),
    },
    describe: oneOf(given, 'describe', 'list-shards', ['list-shards', 'describe-stream', 'skip']),
    createStream: createStream(given.createStream),
    describeTimeoutMs: integer(given, 'describeTimeoutMs', 60_000, 1, DAY_MS),
    idleTimeoutMs: given.idleTimeoutMs === undefined ? null : integer(given, 'idleTimeoutMs', 0, 1, DAY_MS),
    instanceId: text(given, 'instanceId', `${hostname()}-${process.pid}`),
    logger: logger(given.logger),
    signal: signal(given.signal),
  };
}

/** Every name that a consumer takes; the reference in the docs has one row for each. */
export const CONSUMER_OPTIONS = [
  'stream',
  'application',
  'region',
  'endpoint',
  'credentials',
  'start',
  'processor',
  'checkpointer',
  'threads',
  'handlerThreads',
  'maxShards',
  'concurrency',
  'readsPerSecond',
  'recordLimit',
  'idlePollMs',
  'shardRefreshIntervalMs',
  'maxBufferedBytes',
  'maxBufferedRecords',
  'batch',
  'checkpointIntervalMs',
  'leaseDurationMs',
  'drainDeadlineMs',
  'onFailure',
  'describe',
  'createStream',
  'describeTimeoutMs',
  'idleTimeoutMs',
  'instanceId',
  'logger',
  'signal',
] as const satisfies readonly (keyof ConsumerOptions)[];

const OPTION_NAMES: ReadonlySet<string> = new Set(CONSUMER_OPTIONS);

/** "Expected `threads` to be an integer from 1 to 256, got `0`". */
export function invalid(name: string, expected: string, got: unknown): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_OPTION',
    `Expected \`${name}\` to be ${expected}, got \`${show(got)}\``,
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date) return String(value.getTime());
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function number(from: object, name: string, fallback: number, min: number, max: number, prefix = ''): number {
  const value: unknown = (from as Record<string, unknown>)[name];
  if (value === undefined) return fallback;
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(prefix + name, `a number from ${min} to ${max}`, value);
  }
  return value;
}

function integer(
  from: object,
  name: string,
  fallback: number,
  min: number,
  max: number,
  prefix = '',
): number {
  const value: unknown = (from as Record<string, unknown>)[name];
  if (value === undefined) return fallback;
  if (!Number.isInteger(value) || !((value as number) >= min && (value as number) <= max)) {
    throw invalid(prefix + name, `an integer from ${min} to ${max}`, value);
  }
  return value as number;
}

/** An integer from 1 up, or Infinity for none, as null. */
function limit(from: ConsumerOptions, name: 'maxShards' | 'concurrency'): number | null {
  const value = from[name];
  if (value === undefined || value === Infinity) return null;
  if (!Number.isInteger(value) || value < 1) throw invalid(name, 'an integer from 1 up, or Infinity', value);
  return value;
}

function text(from: ConsumerOptions, name: keyof ConsumerOptions, fallback: string | undefined): string {
  const value: unknown = from[name] === undefined ? fallback : from[name];
  if (typeof value !== 'string' || value === '') throw invalid(name, 'a string that is not empty', value);
  return value;
}

function oneOf<const T extends string>(from: object, name: string, fallback: T, values: readonly T[]): T {
  const value: unknown = (from as Record<string, unknown>)[name] ?? fallback;
  if (!values.includes(value as T))
    throw invalid(name, values.map((each) => `'${each}'`).join(' or '), value);
  return value as T;
}

function section(from: ConsumerOptions, name: 'batch' | 'onFailure', known: readonly string[]): object {
  const value: unknown = from[name] ?? {};
  if (typeof value !== 'object' || value === null) throw invalid(name, 'an object', value);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw invalid(name, `an object of ${known.join(', ')}`, value);
  }
  return value;
}

function endpoint(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https?:/.test(value)) {
    throw invalid('endpoint', 'an http or https URL', value);
  }
  return value;
}

function start(value: unknown): ResolvedConsumerOptions['start'] {
  if (value === undefined) return 'TRIM_HORIZON';
  if (value === 'TRIM_HORIZON' || value === 'LATEST') return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return { at: value.getTime() };
  throw invalid('start', "'TRIM_HORIZON', 'LATEST' or a valid Date", value);
}

function spec<Name extends string>(
  name: string,
  value: unknown,
  names: readonly Name[],
): NamedSpec<Name> | ModuleSpec {
  const expected = `one of ${names.map((each) => `'${each}'`).join(', ')}, { name, ... } or { module, options }`;
  const known = (candidate: string): Name => {
    const found = names.find((each) => each === candidate);
    if (found === undefined) throw invalid(name, expected, value);
    return found;
  };
  if (typeof value === 'string') {
    return { name: known(value), options: {} };
  }
  if (typeof value !== 'object' || value === null) throw invalid(name, expected, value);
  const { name: itsName, module, ...options } = value as Record<string, unknown>;
  if (typeof itsName === 'string') {
    return { name: known(itsName), options: cloneable(name, options) };
  }
  if (typeof module === 'string' || module instanceof URL) {
    const url = module instanceof URL ? module.href : module;
    return { module: url, options: cloneable(name, (options['options'] ?? {}) as Record<string, unknown>) };
  }
  throw invalid(name, expected, value);
}

/** Options of a module go to other threads: what structured clone refuses is refused here, at the caller. */
function cloneable(name: string, options: Record<string, unknown>): Record<string, unknown> {
  try {
    return structuredClone(options);
  } catch (cause) {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `Expected the options of \`${name}\` to be plain data that can be sent to a thread: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function createStream(value: unknown): ResolvedConsumerOptions['createStream'] {
  if (value === undefined || value === false) return null;
  if (typeof value === 'object' && value !== null) {
    if ('mode' in value && value.mode === 'on-demand') return 'on-demand';
    if ('shards' in value) return { shards: integer(value, 'shards', 1, 1, 100_000, 'createStream.') };
  }
  throw invalid('createStream', "false, { shards } or { mode: 'on-demand' }", value);
}

function logger(value: unknown): Logger {
  if (value === undefined) return silentLogger;
  const methods = value as Partial<Record<string, unknown>> | null;
  if (
    typeof value !== 'object' ||
    methods === null ||
    LOG_LEVELS.some((level) => typeof methods[level] !== 'function')
  ) {
    throw invalid('logger', `an object with the methods ${LOG_LEVELS.join(', ')}`, value);
  }
  return value as Logger;
}

function signal(value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (!(value instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', value);
  return value;
}
