// Public options -> resolved options: every check and every default of the consumer is here and nowhere else.

import { availableParallelism, hostname } from 'node:os';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkpointerOptions } from './checkpointers/checkpointer-options.ts';
import { builtInOptions } from './codec/processor-options.ts';
import { CALL_LIMITS, type CallLimits } from './model/call-limits.ts';
import { bag, didYouMean, integer, invalid, nearest, number, object, oneOf, text } from './model/checks.ts';
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
  type SpecOptions,
} from './model/specs.ts';
import type { AckMode, BatchShape } from './protocol.ts';

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
  /** Whether a handler call that returns acks its batch, or only `batch.ack` and `checkpoint` do. Default: `'auto'`. */
  readonly ack?: AckMode | undefined;
  /** Between two writes of the checkpoints, ms. Default: 1 000; with DynamoDB, where each write is paid, 5 000. */
  readonly checkpointIntervalMs?: number | undefined;
  /** How long a lease holds without a heartbeat, ms. Default: 10 000. */
  readonly leaseDurationMs?: number | undefined;
  /** How long a fetch thread may stand still before it is ended and replaced, ms. Default: 30 000. */
  readonly threadHangMs?: number | undefined;
  /** The same for a handler thread, whose handler may compute for long; main cannot be ended. Default: 300 000. */
  readonly handlerHangMs?: number | undefined;
  /** How long `stop` waits for handlers, and a shard that is handed off for its own, ms. Default: 30 000. */
  readonly drainDeadlineMs?: number | undefined;
  /** The pauses between two calls with a batch that failed, ms, doubling. Default: 100 to 30 000. */
  readonly onFailure?: { readonly minDelayMs?: number; readonly maxDelayMs?: number } | undefined;
  /** How long each step of a call to AWS may take, ms. Default: see the reference. */
  readonly timeouts?: Partial<CallLimits> | undefined;
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
  readonly ack: AckMode;
  readonly checkpointIntervalMs: number;
  readonly leaseDurationMs: number;
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  readonly threadHangMs: number;
  readonly handlerHangMs: number;
  readonly drainDeadlineMs: number;
  readonly onFailure: { readonly minDelayMs: number; readonly maxDelayMs: number };
  readonly timeouts: CallLimits;
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
export function resolveConsumerOptions(options: ConsumerOptions): ResolvedConsumerOptions {
  bag('options', options);
  // Names first: of a required one that is misspelled it would be said that it is missing.
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.has(name)) continue;
    const hint = didYouMean(name, ALL_NAMES, '; ') || `; the options are ${[...OPTION_NAMES].join(', ')}`;
    throw new ShardpoolError('ERR_INVALID_OPTION', `\`${name}\` is not an option of a consumer${hint}`);
  }
  return resolve(options);
}

/**
 * The option of `stop` and of `ready`, in ms. Throws ERR_INVALID_OPTION. Both may be listeners that were bound to some emitter, so
 * whatever else they are given is none of their business, unless it is that option misspelled.
 */
export function waitOption<Name extends 'deadlineMs' | 'timeoutMs'>(
  options: { readonly [name in Name]?: number | undefined },
  name: Name,
  fallback: number,
): number {
  if (typeof options !== 'object' || options === null) return fallback;
  if (options[name] !== undefined) return integer(name, options[name], 0, DAY_MS);
  const misspelled = Object.keys(options).find((key) => key !== name && nearest(key, [name]) !== null);
  if (misspelled !== undefined) object('options', options, [name]);
  return fallback;
}

function resolve(options: ConsumerOptions): ResolvedConsumerOptions {
  const whole = (name: NumberOption, fallback: number, min: number, max: number) =>
    integer(name, given(options, name, fallback), min, max);
  const leaseDurationMs = whole('leaseDurationMs', 10_000, 2_000, DAY_MS);
  const store = checkpointer(given(options, 'checkpointer', 'memory'));
  return {
    stream: text('stream', options.stream),
    application: text('application', given(options, 'application', 'default')),
    region: options.region === undefined ? null : text('region', options.region),
    endpoint: endpoint(options.endpoint),
    credentials: options.credentials,
    start: start(options.start),
    processor: processor(given(options, 'processor', 'json')),
    checkpointer: store,
    threads:
      options.threads === undefined || options.threads === 'auto'
        ? Math.max(1, availableParallelism() - 1)
        : integer('threads', options.threads, 1, 256, "'auto' or "),
    handlerThreads: whole('handlerThreads', 0, 0, 256),
    maxShards: limit(options, 'maxShards'),
    concurrency: limit(options, 'concurrency'),
    readsPerSecond: number('readsPerSecond', given(options, 'readsPerSecond', 5), 0.01, 5),
    recordLimit: whole('recordLimit', MAX_RECORD_LIMIT, 1, MAX_RECORD_LIMIT),
    idlePollMs: whole('idlePollMs', 1_000, 200, DAY_MS),
    shardRefreshIntervalMs: whole('shardRefreshIntervalMs', 60_000, 100, DAY_MS),
    // The budget is counted in 32-bit units of 1 KiB.
    maxBufferedBytes: whole('maxBufferedBytes', 64 * 2 ** 20, 2 ** 20, 2 ** 40),
    maxBufferedRecords: whole('maxBufferedRecords', 100_000, 1, 2 ** 31 - 1),
    batch: batch(given(options, 'batch', {})),
    ack: oneOf('ack', given(options, 'ack', 'auto'), ['auto', 'manual']),
    checkpointIntervalMs: whole(
      'checkpointIntervalMs',
      'name' in store && store.name === 'dynamodb' ? 5_000 : 1_000,
      10,
      DAY_MS,
    ),
    leaseDurationMs,
    marginMs: Math.round(leaseDurationMs * MARGIN_SHARE),
    heartbeatIntervalMs: Math.round(leaseDurationMs / BEATS_PER_LEASE),
    threadHangMs: whole('threadHangMs', 30_000, 1_000, DAY_MS),
    handlerHangMs: whole('handlerHangMs', 300_000, 1_000, DAY_MS),
    drainDeadlineMs: whole('drainDeadlineMs', 30_000, 0, DAY_MS),
    onFailure: onFailure(given(options, 'onFailure', {})),
    timeouts: timeouts(given(options, 'timeouts', {})),
    describe: oneOf('describe', given(options, 'describe', 'list-shards'), [
      'list-shards',
      'describe-stream',
      'skip',
    ]),
    createStream: createStream(options.createStream),
    describeTimeoutMs: whole('describeTimeoutMs', 60_000, 1, DAY_MS),
    idleTimeoutMs:
      options.idleTimeoutMs === undefined ? null : integer('idleTimeoutMs', options.idleTimeoutMs, 1, DAY_MS),
    instanceId: text('instanceId', given(options, 'instanceId', `${hostname()}-${process.pid}`)),
    logger: logger(options.logger),
    signal: signal(options.signal),
  };
}

type NumberOption = {
  [Name in keyof ConsumerOptions]-?: number extends ConsumerOptions[Name] ? Name : never;
}[keyof ConsumerOptions];

function batch(value: unknown): BatchShape {
  const shape: Partial<BatchShape> = object('batch', value, BATCH_FIELDS);
  return {
    maxRecords: integer('batch.maxRecords', given(shape, 'maxRecords', 1_000), 1, 100_000),
    maxBytes: integer('batch.maxBytes', given(shape, 'maxBytes', 2 ** 20), 1, 2 ** 30),
    maxWaitMs: integer('batch.maxWaitMs', given(shape, 'maxWaitMs', 0), 0, DAY_MS),
  };
}

function onFailure(value: unknown): ResolvedConsumerOptions['onFailure'] {
  const policy: Partial<ResolvedConsumerOptions['onFailure']> = object('onFailure', value, FAILURE_FIELDS);
  const minDelayMs = integer('onFailure.minDelayMs', given(policy, 'minDelayMs', 100), 1, DAY_MS);
  const longest = given(policy, 'maxDelayMs', Math.max(30_000, minDelayMs));
  return { minDelayMs, maxDelayMs: integer('onFailure.maxDelayMs', longest, minDelayMs, DAY_MS) };
}

function timeouts(value: unknown): CallLimits {
  const names = Object.keys(CALL_LIMITS) as (keyof CallLimits)[];
  const limits: Partial<CallLimits> = object('timeouts', value, names);
  const within = (name: keyof CallLimits) =>
    integer(`timeouts.${name}`, given(limits, name, CALL_LIMITS[name]), 10, DAY_MS);
  return {
    connectMs: within('connectMs'),
    replyMs: within('replyMs'),
    stallMs: within('stallMs'),
    callMs: within('callMs'),
    credentialsMs: within('credentialsMs'),
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
  'ack',
  'checkpointIntervalMs',
  'leaseDurationMs',
  'threadHangMs',
  'handlerHangMs',
  'drainDeadlineMs',
  'onFailure',
  'timeouts',
  'describe',
  'createStream',
  'describeTimeoutMs',
  'idleTimeoutMs',
  'instanceId',
  'logger',
  'signal',
] as const satisfies readonly (keyof ConsumerOptions)[];

const OPTION_NAMES: ReadonlySet<string> = new Set(CONSUMER_OPTIONS);
const BATCH_FIELDS = ['maxRecords', 'maxBytes', 'maxWaitMs'] as const satisfies (keyof BatchShape)[];
const FAILURE_FIELDS = ['minDelayMs', 'maxDelayMs'] as const;
/** What may have been meant by a name that is none; fields of sections are found by their own names too. */
const ALL_NAMES: readonly string[] = [
  ...CONSUMER_OPTIONS,
  ...BATCH_FIELDS.map((name) => `batch.${name}`),
  ...FAILURE_FIELDS.map((name) => `onFailure.${name}`),
  ...Object.keys(CALL_LIMITS).map((name) => `timeouts.${name}`),
];

/** The value of an option, or its default where it is not given. */
function given<Options extends object, Name extends keyof Options>(
  options: Options,
  name: Name,
  fallback: Exclude<Options[Name], undefined>,
): unknown {
  return options[name] === undefined ? fallback : options[name];
}

/** An integer from 1 up, or Infinity for none, as null. */
function limit(options: ConsumerOptions, name: 'maxShards' | 'concurrency'): number | null {
  const value = integer(name, given(options, name, Infinity), 1, Infinity);
  return value === Infinity ? null : value;
}

function endpoint(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string' || !URL.canParse(value) || !/^https?:/.test(value)) {
    throw invalid('endpoint', 'an http or https URL as text', value);
  }
  return value;
}

function start(value: unknown): ResolvedConsumerOptions['start'] {
  if (value === undefined) return 'TRIM_HORIZON';
  if (value === 'TRIM_HORIZON' || value === 'LATEST') return value;
  if (value instanceof Date && !Number.isNaN(value.getTime())) return { at: value.getTime() };
  throw invalid('start', "'TRIM_HORIZON', 'LATEST' or a valid Date", value);
}

/** The options of a built-in are checked here; those of a module are its own. */
function processor(value: unknown): ProcessorSpec {
  const named = spec('processor', value, PROCESSORS);
  if ('name' in named) builtInOptions(named.name, named.options);
  return named;
}

function checkpointer(value: unknown): CheckpointerSpec {
  const named = spec('checkpointer', value, CHECKPOINTERS);
  if ('name' in named) checkpointerOptions(named.name, named.options);
  return named;
}

function spec<Name extends string>(
  name: string,
  value: unknown,
  names: readonly Name[],
): NamedSpec<Name> | ModuleSpec {
  const expected = `one of ${names.map((each) => `'${each}'`).join(', ')}, { name, ... } or { module, options }`;
  const known = (candidate: string): Name => {
    const found = names.find((each) => each === candidate);
    if (found === undefined) throw invalid(name, expected, candidate, didYouMean(candidate, names, '; '));
    return found;
  };
  if (typeof value === 'string') return { name: known(value), options: {} };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(name, expected, value);
  const { name: itsName, module, ...options } = value as Record<string, unknown>;
  const keys = Object.keys(value);
  // Of an object the keys alone are shown: what it holds may be a password.
  const shown = keys.length === 0 ? value : `{ ${keys.join(', ')} }`;
  if (itsName !== undefined && module !== undefined)
    throw invalid(name, 'an object with `name` or `module`, not both', shown);
  if (itsName !== undefined) {
    if (typeof itsName !== 'string') throw invalid(`${name}.name`, 'a string', itsName);
    return { name: known(itsName), options: cloneable(name, options) };
  }
  if (module === undefined) throw invalid(name, expected, shown);
  object(name, value, ['module', 'options']);
  const own = options['options'] === undefined ? {} : options['options'];
  return { module: moduleUrl(name, module), options: cloneable(name, bag(`${name}.options`, own)) };
}

/** A URL, or the name of a package. Relative to what a path would be, a thread cannot know. */
function moduleUrl(name: string, module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === 'string' && isAbsolute(module)) return pathToFileURL(module).href;
  if (typeof module === 'string' && module !== '' && !module.startsWith('.')) return module;
  throw invalid(
    `${name}.module`,
    "a URL such as `new URL('./mine.js', import.meta.url)`, an absolute path or the name of a package",
    module,
  );
}

/** Options of a module go to other threads: what structured clone refuses is refused here, at the caller. */
function cloneable(name: string, options: SpecOptions): SpecOptions {
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
  const expected = "false, { shards } or { mode: 'on-demand' }";
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('createStream', expected, value);
  const { mode, shards } = object('createStream', value, ['shards', 'mode']);
  if (mode === 'on-demand' && shards === undefined) return 'on-demand';
  if (mode !== undefined || shards === undefined) throw invalid('createStream', expected, value);
  return { shards: integer('createStream.shards', shards, 1, 100_000) };
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
