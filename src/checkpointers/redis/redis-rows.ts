// Rows as the scripts answer with them: texts become rows, and what is no row of ours is refused by name.

import {
  type AppRow,
  LeaseStoreError,
  type SessionRow,
  type SessionState,
  type ShardRow,
} from '../../model/lease-store.ts';
import { decodePosition, type Position } from '../../model/position.ts';

const STATES: readonly SessionState[] = ['live', 'draining', 'ended', 'dead'];

export function foreignRow(key: string, found: string): LeaseStoreError {
  const text = found.length > 200 ? `${found.slice(0, 200)}...` : found;
  return new LeaseStoreError('not-applied', `The Redis key ${key} is not shardpool's: ${text}`);
}

/** The four fields of the app row in the order of the scripts. */
export function appRow(key: string, fields: unknown): AppRow {
  const [schemaVersion, leaseDurationMs, start, rev] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const row = {
    schemaVersion: Number(schemaVersion),
    leaseDurationMs: Number(leaseDurationMs),
    start: start as Position,
    rev: Number(rev),
  };
  const isOurs =
    [row.schemaVersion, row.leaseDurationMs, row.rev].every(Number.isSafeInteger) && isPosition(row.start);
  if (!isOurs) throw foreignRow(key, `it holds ${JSON.stringify(fields)}`);
  return row;
}

/** Numbers as texts: Lua's JSON would round them. */
export function encodedNumber(value: number): string;
export function encodedNumber(value: number | null): string | null;
export function encodedNumber(value: number | null): string | null {
  return value === null ? null : String(value);
}

export function encodedSession(row: SessionRow): object {
  const { beat, maxShards, pid } = row;
  return {
    ...row,
    beat: encodedNumber(beat),
    maxShards: encodedNumber(maxShards),
    pid: encodedNumber(pid),
  };
}

export function encodedShard(row: ShardRow): object {
  return { ...row, token: encodedNumber(row.token) };
}

export function sessionRow(key: string, text: unknown): SessionRow {
  const found = parsed(key, text);
  const { session, state, host, boot, version } = found;
  const [beat, pid] = [found['beat'], found['pid']].map(decodedNumber);
  const maxShards = found['maxShards'] === null ? null : decodedNumber(found['maxShards']);
  const isOurs =
    [session, host, boot, version].every(isText) &&
    ![beat, pid, maxShards].includes(undefined) &&
    STATES.includes(state as SessionState);
  if (!isOurs) throw foreignRow(key, `it holds ${String(text)}`);
  return { session, beat, state, maxShards, host, boot, pid, version } as SessionRow;
}

export function shardRow(key: string, text: unknown): ShardRow {
  const found = parsed(key, text);
  const { shardId, startsAt, parents, position, owner, handOffTo } = found;
  const token = decodedNumber(found['token']);
  const isOurs =
    [shardId, startsAt].every(isText) &&
    Array.isArray(parents) &&
    parents.every(isText) &&
    isPosition(position) &&
    [owner, handOffTo].every((session) => session === null || isText(session)) &&
    token !== undefined;
  if (!isOurs) throw foreignRow(key, `it holds ${String(text)}`);
  return { shardId, startsAt, parents, position, owner, token, handOffTo } as ShardRow;
}

/** The values of a flat list of fields and values, as HGETALL answers. */
export function rowsOf<Row>(key: string, flat: unknown, decode: (key: string, text: unknown) => Row): Row[] {
  if (!Array.isArray(flat)) throw foreignRow(key, 'it holds no hash');
  return (flat as unknown[]).filter((_, i) => i % 2 === 1).map((text) => decode(key, text));
}

function parsed(key: string, text: unknown): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(String(text));
    if (typeof found === 'object' && found !== null) return found as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw foreignRow(key, `it holds ${String(text)}`);
}

function decodedNumber(text: unknown): number | undefined {
  const number = isText(text) && /^-?\d+$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(number) ? number : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isPosition(value: unknown): value is Position {
  if (!isText(value)) return false;
  try {
    decodePosition(value as Position);
    return true;
  } catch {
    return false;
  }
}
