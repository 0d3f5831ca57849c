// A history sorted for the audit: which lease began where, which record was done when, how long a session was worth anything.

import type { SessionRow, ShardRow } from '../../src/model/lease-store.ts';
import { type Position, SHARD_END, sequencePosition } from '../../src/model/position.ts';
import type { HandledCall, History, StoredWrite } from './history.ts';

/** The records of one shard. */
export interface ShardTruth {
  readonly positions: readonly Position[];
  readonly index: ReadonlyMap<Position, number>;
  /** When a call with that record ended for the first time; Infinity where none has. */
  readonly doneAt: readonly number[];
  /** When all records up to and including that one were done. */
  readonly allDoneAt: readonly number[];
}

/** All that was done under one token of a shard. */
export interface LeaseHistory {
  readonly shardId: string;
  readonly token: number;
  readonly calls: HandledCall[];
  /** Null where its process was killed before it could write that down. */
  taken: {
    readonly process: string;
    readonly session: string;
    readonly position: Position;
    readonly until: number;
  } | null;
  /** Checkpoints, releases and finishes, also those that were refused or not answered. */
  readonly writes: StoredWrite[];
}

export interface Evidence {
  readonly history: History;
  readonly shards: ReadonlyMap<string, ShardTruth>;
  /** By shards; those of a shard by their tokens. */
  readonly leases: ReadonlyMap<string, readonly LeaseHistory[]>;
  /** The latest moment at which the session might still act, as it could know by `at`; -Infinity where nothing is known. */
  fenceOf(session: string, at: number): number;
}

const NOTHING: ShardTruth = { positions: [], index: new Map(), doneAt: [], allDoneAt: [] };

export function evidenceOf(history: History): Evidence {
  const shards = truths(history);
  return { history, shards, leases: leasesOf(history), fenceOf: fences(history) };
}

export const truthOf = ({ shards }: Evidence, shardId: string): ShardTruth => shards.get(shardId) ?? NOTHING;

/** How many records of the shard lie at or before the position. */
export function countUpTo({ positions }: ShardTruth, position: Position): number {
  if (position === SHARD_END) return positions.length;
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (positions[middle]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function truths({ written, calls }: History): ReadonlyMap<string, ShardTruth> {
  const shards = new Map<string, { positions: Position[]; index: Map<Position, number>; doneAt: number[] }>();
  for (const { shardId, sequenceNumber, subSequenceNumber } of written) {
    let shard = shards.get(shardId);
    if (shard === undefined) shards.set(shardId, (shard = { positions: [], index: new Map(), doneAt: [] }));
    const position = sequencePosition(sequenceNumber, subSequenceNumber);
    shard.index.set(position, shard.positions.length);
    shard.positions.push(position);
    shard.doneAt.push(Infinity);
  }
  for (const { shardId, end, rows } of calls) {
    const shard = shards.get(shardId);
    if (shard === undefined || end === null) continue;
    for (const [sequenceNumber, sub] of rows) {
      const index = shard.index.get(sequencePosition(sequenceNumber, sub));
      if (index !== undefined) shard.doneAt[index] = Math.min(shard.doneAt[index]!, end);
    }
  }
  return new Map(
    [...shards].map(([shardId, shard]) => {
      let latest = -Infinity;
      const allDoneAt = shard.doneAt.map((at) => (latest = Math.max(latest, at)));
      return [shardId, { ...shard, allDoneAt }];
    }),
  );
}

function leasesOf({ calls, writes }: History): Map<string, LeaseHistory[]> {
  const shards = new Map<string, Map<number, LeaseHistory>>();
  const lease = (shardId: string, token: number): LeaseHistory => {
    let tokens = shards.get(shardId);
    if (tokens === undefined) shards.set(shardId, (tokens = new Map()));
    let found = tokens.get(token);
    if (found === undefined)
      tokens.set(token, (found = { shardId, token, calls: [], taken: null, writes: [] }));
    return found;
  };
  /** Takes without an answer: a row that is read back may tell. */
  const asked = new Set<string>();
  for (const write of writes) {
    const { process, method, argument, applied, until } = write;
    const row = write.row as ShardRow | null;
    if (method === 'take') {
      const { shardId, token, me } = argument as { shardId: string; token: number; me: string };
      if (applied === true && row !== null) {
        lease(shardId, token).taken = { process, session: me, position: row.position, until };
      } else if (applied === null) asked.add(`${shardId} ${token} ${me}`);
    } else if (method === 'readShard' && row !== null) {
      const { shardId, token, owner, position } = row;
      if (owner === null || !asked.delete(`${shardId} ${token} ${owner}`)) continue;
      lease(shardId, token).taken = { process, session: owner, position, until };
    } else if (method === 'checkpoint' || method === 'release' || method === 'finish') {
      const { shardId, token } = argument as { shardId: string; token: number };
      lease(shardId, token).writes.push(write);
    }
  }
  for (const call of calls) lease(call.shardId, call.token).calls.push(call);
  return new Map(
    [...shards].map(([shardId, tokens]) => [shardId, [...tokens.values()].sort((a, b) => a.token - b.token)]),
  );
}

function fences({ writes, leaseMs, marginMs }: History): Evidence['fenceOf'] {
  const proofs = new Map<string, { readonly until: number; readonly base: number }[]>();
  const firstTry = new Map<string, number>();
  for (const { method, argument, applied, row, at, until } of writes) {
    if (method !== 'createSession' && method !== 'beat') continue;
    const { session } = argument as { session: string };
    // The validity of a session counts from the first attempt to create it.
    const base = method === 'beat' ? at : (firstTry.get(session) ?? at);
    if (method === 'createSession') firstTry.set(session, base);
    const isAsAsked = (row as SessionRow | null)?.beat === (argument as SessionRow).beat;
    if (applied !== true && !isAsAsked) continue;
    const known = proofs.get(session) ?? [];
    known.push({ until, base });
    proofs.set(session, known);
  }
  return (session, at) => {
    let latest = -Infinity;
    for (const { until, base } of proofs.get(session) ?? []) {
      if (until <= at) latest = Math.max(latest, base + leaseMs - marginMs);
    }
    return latest;
  };
}
