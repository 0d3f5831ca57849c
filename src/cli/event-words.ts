// The events of a consumer in plain words, one line each.

import type { ConsumerEvents } from '../consumer/events.ts';
import type { DecodedPosition } from '../model/position.ts';

type Words = { readonly [Name in keyof ConsumerEvents]: (...args: ConsumerEvents[Name]) => string };

export const EVENT_WORDS: Words = {
  ready: () => 'ready',
  stopped: ({ clean, late }) => {
    if (late > 0) return `stopped, with ${late} handler calls that did not finish in time`;
    return clean ? 'stopped' : 'stopped, by force';
  },
  error: (error) => `failed: ${error.message}`,
  'shard:start': ({ shardId, position, thread }) =>
    `shard ${shardId} starts at ${at(position)} on fetch thread ${thread}`,
  'shard:end': ({ shardId, reason, position }) => `shard ${shardId} ends (${reason}) at ${at(position)}`,
  'shard:retry': ({ shardId, error, attempt, delayMs }) =>
    `shard ${shardId} is read again in ${Math.round(delayMs)} ms (attempt ${attempt} failed: ${error.message})`,
  'shard:stalled': ({ shardId, state, forMs, error }) =>
    `shard ${shardId} has got nowhere for ${Math.round(forMs / 1000)} s (${state ?? 'no thread reads it'}${error === null ? '' : `: ${error.message}`})`,
  'records:maybe-lost': ({ shardId, position, cause }) =>
    `records of shard ${shardId} after ${at(position)} may be lost: ${cause}`,
  'records:lost': ({ shardId, position, cause }) =>
    `what shard ${shardId} had after ${at(position)} is lost: ${cause}`,
  'stream:replaced': ({ shards }) =>
    `the stream was deleted and created again: ${shards.length} shards begin anew`,
  'topology:changed': ({ open, closed, added }) =>
    `shards: ${open} open, ${closed} closed${added.length === 0 ? '' : `; new: ${added.join(', ')}`}`,
  'topology:retry': ({ error, attempt, delayMs }) =>
    `the shards are listed again in ${Math.round(delayMs)} ms (attempt ${attempt} failed: ${error.message})`,
  'handler:failed': ({ shardId, error, attempt, delayMs, records }) =>
    `the handler failed with ${records} records of shard ${shardId}, again in ${Math.round(delayMs)} ms (attempt ${attempt}: ${error.message})`,
  'lease:lost': ({ shardId, cause }) => `the lease of shard ${shardId} is lost (${cause})`,
  'session:evicted': ({ session, host, pid }) =>
    `the session ${session} of process ${pid} on ${host} beats no more: its shards are free`,
  'shards:unassigned': ({ shards }) =>
    `${shards.length} shards are read by nobody: no instance has room for them (${shards.slice(0, 3).join(', ')})`,
  'session:lost': ({ cause }) => `the session is lost and begins anew (${cause})`,
  'thread:died': ({ kind, thread, error, shards }) =>
    `${kind} thread ${thread} died with ${shards.length} shards: ${error.message}`,
  'record:poison': ({ shardId, position, kind, deaths, delayMs }) =>
    `the record after ${at(position)} of shard ${shardId} has ended ${deaths} ${kind} threads, again in ${Math.round(delayMs)} ms`,
};

function at(position: DecodedPosition): string {
  switch (position.type) {
    case 'TRIM_HORIZON':
    case 'SHARD_END':
      return position.type;
    case 'LATEST':
    case 'AT_TIMESTAMP':
      return `${position.type} ${new Date(position.at).toISOString()}`;
    case 'SEQUENCE':
      return position.sequenceNumber;
    default:
      throw position satisfies never;
  }
}
