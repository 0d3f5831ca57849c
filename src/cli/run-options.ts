// The options of a consumer as options of the command line: one row each, with the consumer's own names in kebab-case.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ShardpoolError } from '../model/errors.ts';
import { CHECKPOINTERS, PROCESSORS } from '../model/specs.ts';
import type { ConsumerOptions } from '../options.ts';
import { toNumber } from './numbers.ts';

interface Row {
  /** The option of the consumer; `batch.maxRecords` is a field of a section. */
  readonly path: string;
  readonly argument: string;
  readonly words: string;
  /** Does not check: the consumer does, and it shows what it was given. */
  readonly parse: (text: string) => unknown;
}

const asText = (text: string): unknown => text;

/** Every option but the three that no command line can carry: credentials, logger and signal. */
export const RUN_OPTIONS: readonly Row[] = [
  { path: 'stream', argument: '<name>', words: 'name or ARN of the stream', parse: asText },
  {
    path: 'application',
    argument: '<name>',
    words: 'everything that shares one set of checkpoints (default: default)',
    parse: asText,
  },
  { path: 'region', argument: '<name>', words: 'default: of the AWS environment', parse: asText },
  { path: 'endpoint', argument: '<url>', words: 'default: of the AWS environment', parse: asText },
  {
    path: 'start',
    argument: '<position>',
    words: 'TRIM_HORIZON, LATEST or an ISO date (default: TRIM_HORIZON)',
    parse: toStart,
  },
  {
    path: 'processor',
    argument: '<name>',
    words: `${PROCESSORS.join(', ')}, or the path of a module (default: json)`,
    parse: nameOrModule('processor'),
  },
  {
    path: 'checkpointer',
    argument: '<name>',
    words: `where leases and checkpoints live: ${CHECKPOINTERS.join(', ')}, a Redis URL or the path of a module (default: memory)`,
    parse: nameOrModule('checkpointer'),
  },
  {
    path: 'threads',
    argument: '<n>',
    words: 'fetch threads (default: auto, one less than the cores)',
    parse: toNumber,
  },
  {
    path: 'handlerThreads',
    argument: '<n>',
    words: 'threads that run the handler; 0 runs it in the main thread (default: 1)',
    parse: toNumber,
  },
  {
    path: 'maxShards',
    argument: '<n>',
    words: 'most shards read at a time (default: no limit)',
    parse: toNumber,
  },
  {
    path: 'concurrency',
    argument: '<n>',
    words: 'most handler calls at once, per handler thread (default: no limit)',
    parse: toNumber,
  },
  {
    path: 'readsPerSecond',
    argument: '<n>',
    words: 'GetRecords calls per shard and second (default: 5)',
    parse: toNumber,
  },
  {
    path: 'recordLimit',
    argument: '<n>',
    words: 'most records of one GetRecords call (default: 10000)',
    parse: toNumber,
  },
  {
    path: 'idlePollMs',
    argument: '<ms>',
    words: 'longest pause between two reads of a quiet shard (default: 1000)',
    parse: toNumber,
  },
  {
    path: 'shardRefreshIntervalMs',
    argument: '<ms>',
    words: 'between two listings of the shards (default: 60000)',
    parse: toNumber,
  },
  {
    path: 'maxBufferedBytes',
    argument: '<n>',
    words: 'bytes read and not yet handled (default: 64 MiB)',
    parse: toNumber,
  },
  {
    path: 'maxBufferedRecords',
    argument: '<n>',
    words: 'records read and not yet handled (default: 100000)',
    parse: toNumber,
  },
  {
    path: 'batch.maxRecords',
    argument: '<n>',
    words: 'most records of a batch (default: 1000)',
    parse: toNumber,
  },
  {
    path: 'batch.maxBytes',
    argument: '<n>',
    words: 'most bytes of a batch (default: 1 MiB)',
    parse: toNumber,
  },
  {
    path: 'batch.maxWaitMs',
    argument: '<ms>',
    words: 'how long a batch waits to become full (default: 0)',
    parse: toNumber,
  },
  {
    path: 'ack',
    argument: '<how>',
    words: 'auto, or manual: only what the handler acks with batch.ack (default: auto)',
    parse: asText,
  },
  {
    path: 'checkpointIntervalMs',
    argument: '<ms>',
    words: 'between two writes of the checkpoints (default: 1000)',
    parse: toNumber,
  },
  {
    path: 'leaseDurationMs',
    argument: '<ms>',
    words: 'how long a lease holds without a heartbeat (default: 10000)',
    parse: toNumber,
  },
  {
    path: 'threadHangMs',
    argument: '<ms>',
    words: 'how long a fetch thread may stand still (default: 30000)',
    parse: toNumber,
  },
  {
    path: 'handlerHangMs',
    argument: '<ms>',
    words: 'how long a handler thread may stand still (default: 300000)',
    parse: toNumber,
  },
  {
    path: 'timeouts.connectMs',
    argument: '<ms>',
    words: 'how long a connection to AWS may take (default: 3000)',
    parse: toNumber,
  },
  {
    path: 'timeouts.replyMs',
    argument: '<ms>',
    words: 'how long AWS may take to answer (default: 10000)',
    parse: toNumber,
  },
  {
    path: 'timeouts.stallMs',
    argument: '<ms>',
    words: 'how long an answer may stand still (default: 10000)',
    parse: toNumber,
  },
  {
    path: 'timeouts.callMs',
    argument: '<ms>',
    words: 'how long a whole call may take (default: 60000)',
    parse: toNumber,
  },
  {
    path: 'timeouts.credentialsMs',
    argument: '<ms>',
    words: 'how long credentials may take (default: 30000)',
    parse: toNumber,
  },
  {
    path: 'drainDeadlineMs',
    argument: '<ms>',
    words: 'how long a stop waits for handlers (default: 30000)',
    parse: toNumber,
  },
  {
    path: 'onFailure.minDelayMs',
    argument: '<ms>',
    words: 'first pause after a handler failed (default: 100)',
    parse: toNumber,
  },
  {
    path: 'onFailure.maxDelayMs',
    argument: '<ms>',
    words: 'longest pause after a handler failed (default: 30000)',
    parse: toNumber,
  },
  {
    path: 'describe',
    argument: '<how>',
    words: 'list-shards, describe-stream or skip (default: list-shards)',
    parse: asText,
  },
  {
    path: 'createStream',
    argument: '<shards>',
    words: 'creates a missing stream with so many shards, or `on-demand`',
    parse: (text) => (text === 'on-demand' ? { mode: 'on-demand' } : { shards: toNumber(text) }),
  },
  {
    path: 'describeTimeoutMs',
    argument: '<ms>',
    words: 'how long a stream may take to become ACTIVE (default: 60000)',
    parse: toNumber,
  },
  {
    path: 'idleTimeoutMs',
    argument: '<ms>',
    words: 'stops once nothing came for so long (default: never)',
    parse: toNumber,
  },
  {
    path: 'instanceId',
    argument: '<name>',
    words: 'name of this instance (default: host and process)',
    parse: asText,
  },
];

/** `batch.maxRecords` -> `--batch-max-records` */
export function flagOf(path: string): string {
  return `--${path.replace('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `batch.maxRecords` -> `batchMaxRecords`, the name under which commander keeps the value. */
function attributeOf(path: string): string {
  return path.replaceAll(/\.([a-z])/g, (_dot, letter: string) => letter.toUpperCase());
}

export function toConsumerOptions(values: Readonly<Record<string, string>>): ConsumerOptions {
  const options: Record<string, unknown> = { handlerThreads: 1 };
  for (const { path, parse } of RUN_OPTIONS) {
    const text = values[attributeOf(path)];
    if (text === undefined) continue;
    const [name = path, field] = path.split('.');
    options[name] =
      field === undefined ? parse(text) : { ...(options[name] as object), [field]: parse(text) };
  }
  return options as unknown as ConsumerOptions;
}

/** Names the flags that were typed in place of the options that the consumer speaks of. */
export function inFlags(message: string): string {
  return message.replaceAll(/`([\w.]+)`/g, (quoted, path: string) => {
    const row = RUN_OPTIONS.find(
      (each) => each.path === path || each.path === path.replace('createStream.shards', 'createStream'),
    );
    return row === undefined ? quoted : `\`${flagOf(row.path)}\``;
  });
}

/** The same error of an option, in the words of whoever typed it. */
export function spokenInFlags(error: unknown): unknown {
  if (!(error instanceof ShardpoolError) || error.code !== 'ERR_INVALID_OPTION') return error;
  return new ShardpoolError(error.code, inFlags(error.message), { cause: error });
}

/** `2026-01-31` and `2026-01-31T12:00:00Z`, not everything that `Date` takes for one. */
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function toStart(text: string): unknown {
  const date = new Date(text);
  return ISO_DATE.test(text) && !Number.isNaN(date.getTime()) ? date : text;
}

/** What looks like a path is one, and has to be there: as a name it would be called one that is none. */
function nameOrModule(what: 'processor' | 'checkpointer'): (text: string) => unknown {
  return (text) => {
    if (/^(file|data):/.test(text)) return { module: text };
    if (what === 'checkpointer' && /^rediss?:/.test(text)) return { name: 'redis', url: text };
    if (!/[/\\]|\.[cm]?[jt]s$/.test(text)) return text;
    const path = resolve(text);
    if (existsSync(path)) return { module: pathToFileURL(path).href };
    const code = what === 'processor' ? 'ERR_INVALID_PROCESSOR' : 'ERR_INVALID_OPTION';
    throw new ShardpoolError(code, `There is no ${what} module ${path}`);
  };
}
