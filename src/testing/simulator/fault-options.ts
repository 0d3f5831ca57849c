// The public form of a scripted fault, and its checks.

import { flag, integer, invalid, number, object, oneOf, text } from '../../model/checks.ts';
import { AWS_ERRORS, type AwsErrorType } from './aws-error.ts';
import { ENTRY_ERRORS, type FaultRule } from './faults.ts';
import { OPERATIONS, type OperationName } from './operations/index.ts';
import { STREAM_NAME, STREAM_NAME_WORDS } from './stream-name.ts';
import {
  comesFirst,
  RESET_POINTS,
  type ResetPoint,
  STALL_POINTS,
  type StallPoint,
  STRANGE_REPLIES,
  type StrangeReply,
  type WireFault,
} from './wire-faults.ts';

/** A scripted fault: whom it hits, and what it does. It needs a `delayMs`, one of the things below it, or both. */
export interface Fault {
  /** Default: every operation. */
  readonly operation?: OperationName;
  /** Default: every stream. */
  readonly stream?: string;
  /** Default: every shard. */
  readonly shardId?: string;
  /** How many calls that match pass first. Default 0. */
  readonly after?: number;
  /** How many calls it hits. Default Infinity. */
  readonly times?: number;
  /** The chance to hit a call that matches, 0 to 1. Default 1. */
  readonly probability?: number;
  /** Waits before the call is carried out or refused. Default 0. */
  readonly delayMs?: number;
  /** The type of the error; its HTTP status follows from it (`InternalFailure` is 500, `ServiceUnavailable` 503). */
  readonly error?: AwsErrorType;
  /** With `operation: 'PutRecords'`: fails entries instead of the call, each by `probability`. */
  readonly partial?: boolean;
  /** Resets the connection: before an answer (the call is not carried out), after its headers, or inside its body. */
  readonly reset?: ResetPoint;
  /** Keeps the connection and says nothing: no answer at all (the call is not carried out), or nothing after half of the body. */
  readonly stall?: StallPoint;
  /** Closes the connection after half of the body. */
  readonly truncate?: boolean;
  /** Sends the body of the answer at that rate. */
  readonly slowBytesPerSecond?: number;
  /**
   * Answers with a page of HTML under the status 503, an empty body, or JSON that breaks off (the call is not carried out); or
   * with the right body as `text/plain`.
   */
  readonly reply?: StrangeReply;
  /**
   * Carries the call out and resets the connection before the answer. With `stall: 'headers'` or a `reply` that is not the
   * right one: carries it out and does that instead.
   */
  readonly lostReply?: boolean;
}

export const FAULT_KEYS = [
  'operation',
  'stream',
  'shardId',
  'after',
  'times',
  'probability',
  'delayMs',
  'error',
  'partial',
  'reset',
  'stall',
  'truncate',
  'slowBytesPerSecond',
  'reply',
  'lostReply',
];
/** Of these a fault has one at most. */
const ACTIONS = ['error', 'reset', 'stall', 'truncate', 'slowBytesPerSecond', 'reply'] as const;
const ONE_SHARD: readonly OperationName[] = [
  'GetRecords',
  'GetShardIterator',
  'MergeShards',
  'PutRecord',
  'SplitShard',
];
const MAX_DELAY_MS = 3_600_000;
const MAX_BYTES_PER_SECOND = 1024 ** 3;

export function resolveFault(fault: Fault): FaultRule {
  object('fault', fault, FAULT_KEYS);
  const operations = Object.keys(OPERATIONS) as OperationName[];
  const operation = fault.operation === undefined ? null : oneOf('operation', fault.operation, operations);
  const partial = flag('partial', fault.partial ?? false);
  const lostReply = flag('lostReply', fault.lostReply ?? false);
  const actions = ACTIONS.filter((action) => fault[action] !== undefined && fault[action] !== false);
  if (actions.length > 1) throw invalid('fault', `an object with one of ${actions.join(', ')} only`, fault);
  const wire = wireFault(fault) ?? (lostReply ? ({ type: 'reset', at: 'connect' } as const) : null);
  const error = fault.error ?? (partial ? 'ProvisionedThroughputExceededException' : null);

  if (partial && operation !== 'PutRecords')
    throw invalid('operation', 'PutRecords with `partial`', operation);
  if (partial && wire !== null) throw invalid('fault', 'an object with `error` only beside `partial`', fault);
  if (lostReply && (fault.error !== undefined || !comesFirst(wire as WireFault))) {
    throw invalid(
      'lostReply',
      `left out with \`${actions[0]}: ${String(fault[actions[0] ?? 'error'])}\``,
      true,
    );
  }
  if (error === null && wire === null && fault.delayMs === undefined) {
    throw invalid(
      'fault',
      `an object with \`delayMs\`, \`lostReply\` or one of ${ACTIONS.join(', ')}`,
      fault,
    );
  }
  return {
    operation,
    stream: fault.stream === undefined ? null : text('stream', fault.stream, STREAM_NAME, STREAM_NAME_WORDS),
    shardId: fault.shardId === undefined ? null : shardId(fault.shardId, operation, partial),
    after: integer('after', fault.after ?? 0, 0, Number.MAX_SAFE_INTEGER),
    times: integer('times', fault.times ?? Infinity, 1, Infinity),
    probability: number('probability', fault.probability ?? 1, 0, 1),
    delayMs: integer('delayMs', fault.delayMs ?? 0, 0, MAX_DELAY_MS),
    error: error === null ? null : oneOf('error', error, partial ? ENTRY_ERRORS : errorTypes()),
    partial,
    wire,
    carriedOut: wire === null || lostReply || !comesFirst(wire),
  };
}

function wireFault({ reset, stall, truncate, slowBytesPerSecond, reply }: Fault): WireFault | null {
  if (reset !== undefined) return { type: 'reset', at: oneOf('reset', reset, RESET_POINTS) };
  if (stall !== undefined) return { type: 'stall', at: oneOf('stall', stall, STALL_POINTS) };
  if (reply !== undefined) return { type: 'strange', reply: oneOf('reply', reply, STRANGE_REPLIES) };
  if (slowBytesPerSecond !== undefined) {
    const bytesPerSecond = integer('slowBytesPerSecond', slowBytesPerSecond, 1, MAX_BYTES_PER_SECOND);
    return { type: 'slow', bytesPerSecond };
  }
  return flag('truncate', truncate ?? false) ? { type: 'truncate' } : null;
}

/** A fault that can never hit is a mistake in a test, and a test that cannot fail. */
function shardId(value: unknown, operation: OperationName | null, partial: boolean): string {
  const id = text('shardId', value, /^shardId-\d+$/, 'a shard id');
  if (operation === null || partial || ONE_SHARD.includes(operation)) return id;
  throw invalid('shardId', `left out: ${operation} is about no single shard`, id);
}

function errorTypes(): AwsErrorType[] {
  return Object.keys(AWS_ERRORS) as AwsErrorType[];
}
