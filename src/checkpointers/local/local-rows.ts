// Rows of the local store as JSON, and back. What is not a row of ours in shape is refused, never repaired.

import { brief, show } from '../../model/checks.ts';
import { type AppRow, LeaseStoreError, type SessionRow, type ShardRow } from '../../model/lease-store.ts';
import { decodePosition, type Position } from '../../model/position.ts';

type Fields<Row> = { readonly [Field in keyof Row]-?: (value: unknown) => boolean };

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isNullOr = (is: (value: unknown) => boolean) => (value: unknown) => value === null || is(value);
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isState = (value: unknown): boolean =>
  value === 'live' || value === 'draining' || value === 'ended' || value === 'dead';

function isPosition(value: unknown): boolean {
  try {
    return typeof value === 'string' && decodePosition(value as Position) !== null;
  } catch {
    return false;
  }
}

const APP: Fields<AppRow> = {
  schemaVersion: isCount,
  leaseDurationMs: isCount,
  start: isPosition,
  rev: isCount,
};
const SESSION: Fields<SessionRow> = {
  session: isText,
  beat: isCount,
  state: isState,
  maxShards: isNullOr(isCount),
  host: isText,
  boot: isText,
  pid: isCount,
  version: isText,
};
const SHARD: Fields<ShardRow> = {
  shardId: isText,
  startsAt: isText,
  parents: isTexts,
  position: isPosition,
  owner: isNullOr(isText),
  token: isCount,
  handOffTo: isNullOr(isText),
};

export const encodeRow = (row: AppRow | SessionRow | ShardRow): string => JSON.stringify(row);

export const decodeApp = (key: Buffer, text: string): AppRow => decoded(key, text, 'app', APP);

export function decodeSession(key: Buffer, text: string): SessionRow {
  const row = decoded(key, text, 'session', SESSION);
  if (!endsWith(key, row.session)) throw foreign(key, 'session', text);
  return row;
}

export function decodeShard(key: Buffer, text: string): ShardRow {
  const row = decoded(key, text, 'shard', SHARD);
  if (!endsWith(key, row.shardId)) throw foreign(key, 'shard', text);
  return row;
}

/** A copy made by hand under another key would be two owners of one shard. */
function endsWith(key: Buffer, id: string): boolean {
  return key.toString().endsWith(`,${JSON.stringify(id)}]`);
}

function decoded<Row>(key: Buffer, text: string, kind: string, fields: Fields<Row>): Row {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw foreign(key, kind, text, cause);
  }
  if (typeof value !== 'object' || value === null) throw foreign(key, kind, text);
  const names = Object.keys(fields) as (keyof Row & string)[];
  const row = value as Readonly<Record<string, unknown>>;
  const fits = names.every((name) => Object.hasOwn(row, name) && fields[name](row[name]));
  if (!fits || Object.keys(row).length !== names.length) throw foreign(key, kind, text);
  return value as Row;
}

function foreign(key: Buffer, kind: string, text: string, cause?: unknown): LeaseStoreError {
  return new LeaseStoreError(
    'not-applied',
    `The local store holds something else than a row of kind '${kind}' under the key ` +
      `${brief(key.toString())}: ${show(text)}`,
    { cause },
  );
}
