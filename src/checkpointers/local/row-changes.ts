// What each conditional write makes of a row: the next one, or null where its condition does not hold. Pure; the words of
// the port decide.

import type {
  AppRow,
  LeaseStore,
  NewShard,
  OwnerWrite,
  SessionRow,
  ShardRow,
} from '../../model/lease-store.ts';
import { isBefore, SHARD_END } from '../../model/position.ts';

type Write<Method extends keyof LeaseStore> = LeaseStore[Method] extends
  | ((write: infer W) => unknown)
  | undefined
  ? W
  : never;
type Next<Row> = Row | null;

export const createdApp = (row: Next<AppRow>, write: Write<'createApp'>): Next<AppRow> =>
  row === null ? { ...write, rev: 0 } : null;

export const createdSession = (row: Next<SessionRow>, write: SessionRow): Next<SessionRow> =>
  row === null ? { ...write } : null;

export function beaten(row: Next<SessionRow>, { beat, state, maxShards }: Write<'beat'>): Next<SessionRow> {
  return row !== null && isLive(row) && row.beat < beat ? { ...row, beat, state, maxShards } : null;
}

export const ended = (row: Next<SessionRow>): Next<SessionRow> =>
  row !== null && row.state !== 'dead' ? { ...row, state: 'ended' } : null;

export function evicted(row: Next<SessionRow>, { session, beat }: Write<'evict'>): Next<SessionRow> {
  if (row === null) return beat === null ? tombstone(session) : null;
  return isLive(row) && row.beat === beat ? { ...row, state: 'dead' } : null;
}

export const mayDeleteSession = (row: SessionRow): boolean => !isLive(row);

export const createdShard = (row: Next<ShardRow>, write: NewShard): Next<ShardRow> =>
  row === null ? free(write, 0) : null;

export function replaced(row: Next<ShardRow>, write: Write<'replaceShard'>): Next<ShardRow> {
  return row !== null && row.startsAt === write.seenStartsAt ? free(write, row.token + 1) : null;
}

export function taken(row: Next<ShardRow>, write: Write<'take'>): Next<ShardRow> {
  if (!isAsSeen(row, write)) return null;
  const { me, token, salvage } = write;
  const position = salvage !== null && isBefore(row.position, salvage) ? salvage : row.position;
  return { ...row, owner: me, token, position, handOffTo: null };
}

export function marked(row: Next<ShardRow>, write: Write<'mark'>): Next<ShardRow> {
  if (!isAsSeen(row, write) || row.handOffTo !== write.seenHandOffTo) return null;
  return { ...row, handOffTo: write.handOffTo };
}

export const checkpointed = (row: Next<ShardRow>, write: OwnerWrite): Next<ShardRow> =>
  isOwned(row, write) && !isBefore(write.position, row.position)
    ? { ...row, position: write.position }
    : null;

export const released = (row: Next<ShardRow>, write: OwnerWrite): Next<ShardRow> =>
  isOwned(row, write) && !isBefore(write.position, row.position)
    ? { ...row, position: write.position, owner: null }
    : null;

export const finished = (row: Next<ShardRow>, write: Write<'finish'>): Next<ShardRow> =>
  isOwned(row, write) ? { ...row, position: SHARD_END, owner: null, handOffTo: null } : null;

export const mayDeleteShard = (row: ShardRow): boolean => row.position === SHARD_END && row.owner === null;

function isLive(row: SessionRow): boolean {
  return row.state === 'live' || row.state === 'draining';
}

function isOwned(row: Next<ShardRow>, { me, token }: Pick<OwnerWrite, 'me' | 'token'>): row is ShardRow {
  return row !== null && row.owner === me && row.token === token;
}

function isAsSeen(
  row: Next<ShardRow>,
  { seenOwner, seenToken }: { readonly seenOwner: string | null; readonly seenToken: number },
): row is ShardRow {
  return row !== null && row.owner === seenOwner && row.token === seenToken && row.position !== SHARD_END;
}

function free({ shardId, startsAt, parents, position }: NewShard, token: number): ShardRow {
  return { shardId, startsAt, parents: [...parents], position, owner: null, token, handOffTo: null };
}

/** Stands for a session that a shard names but that has no row, so that it can never be created late. */
function tombstone(session: string): SessionRow {
  return { session, beat: 0, state: 'dead', maxShards: null, host: '', boot: '', pid: 0, version: '' };
}
