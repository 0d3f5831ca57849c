// The events of a consumer: what each one carries, and how a thread's message becomes one.

import { nearest } from '../model/checks.ts';
import { decodeError } from '../model/errors.ts';
import { decodePosition, type DecodedPosition } from '../model/position.ts';
import type { EndReason, ShardState } from '../model/shard.ts';
import type { ThreadEvent } from '../protocol.ts';

/** The events of a consumer by name, with the arguments of their listeners. The reference in the docs lists the same. */
export interface ConsumerEvents {
  ready: [];
  stopped: [{ readonly late: number; readonly clean: boolean }];
  error: [Error];
  'shard:start': [
    {
      readonly shardId: string;
      readonly position: DecodedPosition;
      readonly token: number;
      readonly thread: number;
    },
  ];
  'shard:end': [{ readonly shardId: string; readonly reason: EndReason; readonly position: DecodedPosition }];
  'shard:retry': [
    { readonly shardId: string; readonly error: Error; readonly attempt: number; readonly delayMs: number },
  ];
  'shard:stalled': [
    {
      readonly shardId: string;
      readonly state: ShardState | null;
      readonly since: Date | null;
      readonly lagMs: number | null;
      readonly forMs: number;
      readonly error: Error | null;
    },
  ];
  'records:maybe-lost': [
    {
      readonly shardId: string;
      readonly position: DecodedPosition;
      readonly next: DecodedPosition | null;
      readonly cause: string;
    },
  ];
  'records:lost': [{ readonly shardId: string; readonly position: DecodedPosition; readonly cause: string }];
  'stream:replaced': [{ readonly shards: readonly string[] }];
  'topology:changed': [{ readonly open: number; readonly closed: number; readonly added: readonly string[] }];
  'topology:retry': [{ readonly error: Error; readonly attempt: number; readonly delayMs: number }];
  'handler:failed': [
    {
      readonly shardId: string;
      readonly error: Error;
      readonly attempt: number;
      readonly delayMs: number;
      readonly records: number;
    },
  ];
  'lease:lost': [{ readonly shardId: string; readonly token: number; readonly cause: string }];
  'session:lost': [{ readonly session: string; readonly cause: string }];
  'session:evicted': [{ readonly session: string; readonly host: string; readonly pid: number }];
  'shards:unassigned': [{ readonly shards: readonly string[] }];
  'thread:died': [
    {
      readonly kind: 'fetch' | 'handler' | 'coordinator';
      readonly thread: number;
      readonly error: Error;
      readonly shards: readonly string[];
    },
  ];
  'record:poison': [
    {
      readonly shardId: string;
      readonly position: DecodedPosition;
      readonly kind: 'fetch' | 'handler';
      readonly deaths: number;
      readonly delayMs: number;
    },
  ];
}

export const CONSUMER_EVENTS = [
  'ready',
  'stopped',
  'error',
  'shard:start',
  'shard:end',
  'shard:retry',
  'shard:stalled',
  'records:maybe-lost',
  'records:lost',
  'stream:replaced',
  'topology:changed',
  'topology:retry',
  'handler:failed',
  'lease:lost',
  'session:lost',
  'session:evicted',
  'shards:unassigned',
  'thread:died',
  'record:poison',
] as const satisfies readonly (keyof ConsumerEvents)[];

/** The event that was probably meant by a name that is none; null where it is one, or nowhere near. */
export function eventMeantBy(name: unknown): keyof ConsumerEvents | null {
  const names: readonly string[] = CONSUMER_EVENTS;
  if (typeof name !== 'string' || names.includes(name)) return null;
  return nearest(name, names) as keyof ConsumerEvents | null;
}

/** Errors, positions and times are decoded; everything else is as the thread sent it. */
export function toConsumerEvent(event: ThreadEvent): {
  name: ThreadEvent['name'];
  detail: Record<string, unknown>;
} {
  const { name, ...rest } = event;
  const detail: Record<string, unknown> = { ...rest };
  if ('error' in event) detail['error'] = event.error === null ? null : decodeError(event.error);
  if ('position' in event) detail['position'] = decodePosition(event.position);
  if ('next' in event) detail['next'] = event.next === null ? null : decodePosition(event.next);
  if ('since' in event) detail['since'] = event.since === 0 ? null : new Date(event.since);
  return { name, detail };
}
