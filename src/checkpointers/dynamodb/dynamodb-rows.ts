// Rows as items of the table, and back. What is not ours in shape is an error that says what was found, never a row.
//
//   pk                     sk                  attributes
//   application#stream     app                 schemaVersion, leaseDurationMs, start, rev
//                          session#<id>        beat, state, maxShards, host, boot, pid, version
//                          shard#<id>          startsAt, parents, position, owner, token, handOffTo
//
// `app` and `session#` sort before `shard#`, so one Query reads what a tick needs and pays for no shard. A null is a missing
// attribute: that is what conditions can ask for everywhere.

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import {
  type AppRow,
  LeaseStoreError,
  type LeaseStoreScope,
  type SessionRow,
  type SessionState,
  type ShardRow,
} from '../../model/lease-store.ts';
import { show } from '../../model/checks.ts';
import { decodePosition, type Position } from '../../model/position.ts';

export type Item = Record<string, AttributeValue>;
export type Field = string | number | readonly string[] | null;

export const APP = 'app';
const SESSION = 'session#';
/** The lower bound of the shards' sort keys, and the upper one of what a tick reads. */
export const SHARDS = 'shard#';

export const sessionKey = (session: string): string => SESSION + session;
export const shardKey = (shardId: string): string => SHARDS + shardId;

/** Two scopes never share one: the one bare `#` is between them. */
export function partitionOf({ application, stream }: LeaseStoreScope): string {
  const escaped = (text: string) => text.replaceAll('%', '%25').replaceAll('#', '%23');
  return `${escaped(application)}#${escaped(stream)}`;
}

export function attribute(value: Exclude<Field, null>): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  return { L: value.map((each) => ({ S: each })) };
}

export function itemOf(pk: string, sk: string, fields: Readonly<Record<string, Field>>): Item {
  const item: Item = { pk: { S: pk }, sk: { S: sk } };
  for (const [name, value] of Object.entries(fields)) if (value !== null) item[name] = attribute(value);
  return item;
}

/** An empty text is a missing attribute. */
export function sessionFields({
  session: _key,
  host,
  boot,
  version,
  ...row
}: SessionRow): Record<string, Field> {
  return { ...row, host: host || null, boot: boot || null, version: version || null };
}

export interface Rows {
  app: AppRow | null;
  readonly sessions: SessionRow[];
  readonly shards: ShardRow[];
}

/** All items of a partition, whatever they are. */
export function rowsOf(items: readonly Item[]): Rows {
  const rows: Rows = { app: null, sessions: [], shards: [] };
  for (const item of items) {
    const sk = item['sk']?.S ?? '';
    if (sk === APP) rows.app = appRow(item);
    else if (sk.startsWith(SESSION)) rows.sessions.push(sessionRow(item));
    else if (sk.startsWith(SHARDS)) rows.shards.push(shardRow(item));
    else throw foreign(item, 'a row of shardpool', `the sort key ${show(sk)}`);
  }
  return rows;
}

export function appRow(item: Item): AppRow {
  const { count, position } = fieldsOf(item, 'an app row');
  return {
    schemaVersion: count('schemaVersion'),
    leaseDurationMs: count('leaseDurationMs'),
    start: position('start'),
    rev: count('rev'),
  };
}

const STATES: readonly SessionState[] = ['live', 'draining', 'ended', 'dead'];

export function sessionRow(item: Item): SessionRow {
  const { text, textOr, count, countOrNull } = fieldsOf(item, 'a session row');
  const state = STATES.find((each) => each === text('state'));
  if (state === undefined) throw foreign(item, 'a session row', `the state ${show(text('state'))}`);
  return {
    session: text('sk').slice(SESSION.length),
    beat: count('beat'),
    state,
    maxShards: countOrNull('maxShards'),
    host: textOr('host', ''),
    boot: textOr('boot', ''),
    pid: count('pid'),
    version: textOr('version', ''),
  };
}

export function shardRow(item: Item): ShardRow {
  const { text, textOr, texts, count, position } = fieldsOf(item, 'a shard row');
  return {
    shardId: text('sk').slice(SHARDS.length),
    startsAt: text('startsAt'),
    parents: texts('parents'),
    position: position('position'),
    owner: textOr('owner', null),
    token: count('token'),
    handOffTo: textOr('handOffTo', null),
  };
}

function fieldsOf(item: Item, what: string) {
  const wrong = (name: string, expected: string): LeaseStoreError =>
    foreign(item, what, `${found(item[name])} for \`${name}\` instead of ${expected}`);

  const text = (name: string): string => {
    const value = item[name]?.S;
    if (value === undefined) throw wrong(name, 'a string');
    return value;
  };
  const count = (name: string): number => {
    const value = item[name]?.N === undefined ? Number.NaN : Number(item[name].N);
    if (!Number.isSafeInteger(value) || value < 0) throw wrong(name, 'a whole number');
    return value;
  };
  return {
    text,
    count,
    textOr: <T>(name: string, otherwise: T): string | T =>
      item[name] === undefined ? otherwise : text(name),
    countOrNull: (name: string): number | null => (item[name] === undefined ? null : count(name)),
    texts(name: string): string[] {
      const values = item[name]?.L?.map((each) => each.S);
      if (values === undefined || values.includes(undefined)) throw wrong(name, 'a list of strings');
      return values as string[];
    },
    position(name: string): Position {
      const value = text(name) as Position;
      try {
        decodePosition(value);
      } catch {
        throw wrong(name, 'a position');
      }
      return value;
    },
  };
}

function found(value: AttributeValue | undefined): string {
  return value === undefined ? 'nothing' : show(Object.values(value)[0]);
}

function foreign(item: Item, expected: string, what: string): LeaseStoreError {
  const key = `pk ${show(item['pk']?.S)}, sk ${show(item['sk']?.S)}`;
  return new LeaseStoreError(
    'not-applied',
    `The item at ${key} is not ${expected}: it has ${what}. Something else than shardpool wrote it; it was left as it is.`,
  );
}
