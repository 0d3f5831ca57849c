// Shard iterators and pagination tokens: opaque to the caller, plain for us, so the server keeps no state for them.

import { AwsError } from './aws-error.ts';

const ITERATOR_LIFE_MS = 300_000;
const TOKEN_LIFE_MS = 300_000;
/** Like those of AWS ours begin with AAAA; the rest tells our kinds apart. */
const ITERATOR_HEAD = 'AAAAAAAAAAE';
const TOKEN_HEAD = 'AAAAAAAAAAT';

export interface ShardIterator {
  readonly stream: string;
  /** Tells a stream from an earlier one of the same name. */
  readonly streamCreatedMs: number;
  readonly shard: number;
  readonly position: number;
  readonly issuedMs: number;
}

export function encodeIterator(iterator: ShardIterator): string {
  const { stream, streamCreatedMs, shard, position, issuedMs } = iterator;
  return encode(ITERATOR_HEAD, [stream, streamCreatedMs, shard, position, issuedMs]);
}

/** Null when the text is no iterator of ours. Does not look at its age. */
export function decodeIterator(text: string): ShardIterator | null {
  const parts = decode(ITERATOR_HEAD, text);
  if (parts === null) return null;
  const [stream, streamCreatedMs, shard, position, issuedMs] = parts;
  if (
    typeof stream !== 'string' ||
    typeof streamCreatedMs !== 'number' ||
    typeof shard !== 'number' ||
    typeof position !== 'number' ||
    typeof issuedMs !== 'number'
  ) {
    return null;
  }
  return { stream, streamCreatedMs, shard, position, issuedMs };
}

export function checkIteratorAge(iterator: ShardIterator, nowMs: number): void {
  if (nowMs - iterator.issuedMs <= ITERATOR_LIFE_MS) return;
  const issued = new Date(iterator.issuedMs).toUTCString();
  throw new AwsError(
    'ExpiredIteratorException',
    `Iterator expired. The iterator was created at time ${issued} while right now it is ${new Date(nowMs).toUTCString()} which is further in the future than the tolerated delay of ${ITERATOR_LIFE_MS} milliseconds.`,
  );
}

export interface ListToken {
  readonly stream: string;
  /** Tells a stream from an earlier one of the same name. */
  readonly streamCreatedMs: number;
  /** The request that the token carries on, as it was sent. */
  readonly filter: unknown;
  readonly after: string;
}

export function encodeToken(token: ListToken, nowMs: number): string {
  return encode(TOKEN_HEAD, [token.stream, token.streamCreatedMs, token.filter, token.after, nowMs]);
}

export function decodeToken(text: string, nowMs: number): ListToken {
  const [stream, streamCreatedMs, filter, after, issuedMs] = decode(TOKEN_HEAD, text) ?? [];
  if (
    typeof stream !== 'string' ||
    typeof streamCreatedMs !== 'number' ||
    typeof after !== 'string' ||
    typeof issuedMs !== 'number'
  ) {
    throw new AwsError('InvalidArgumentException', 'NextToken is invalid.');
  }
  if (nowMs - issuedMs > TOKEN_LIFE_MS) {
    throw new AwsError('ExpiredNextTokenException', 'The NextToken is older than 300 seconds.');
  }
  return { stream, streamCreatedMs, filter, after };
}

function encode(head: string, parts: readonly unknown[]): string {
  return head + Buffer.from(JSON.stringify(parts)).toString('base64');
}

function decode(head: string, text: string): unknown[] | null {
  if (!text.startsWith(head)) return null;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text.slice(head.length), 'base64').toString());
    return Array.isArray(parts) ? parts : null;
  } catch {
    return null;
  }
}
