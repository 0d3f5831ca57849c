// The options of the dynamodb checkpointer: every check and every default.

import { bag, flag, integer, invalid, object, text } from '../../model/checks.ts';
import { ShardpoolError } from '../../model/errors.ts';
import type { SpecOptions } from '../../model/specs.ts';

export interface DynamodbOptions {
  readonly table: string;
  /** Null: of the AWS environment. */
  readonly region: string | null;
  /** Null: of the AWS environment, else AWS itself. */
  readonly endpoint: string | null;
  /** Null: the AWS provider chain. */
  readonly credentials: DynamodbCredentials | null;
  readonly createTable: boolean;
  readonly billing: 'on-demand' | DynamodbCapacity;
  /** Of a table that is created. */
  readonly tags: Readonly<Record<string, string>>;
  readonly timeouts: DynamodbTimeouts;
}

export interface DynamodbCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

export interface DynamodbCapacity {
  readonly readUnits: number;
  readonly writeUnits: number;
}

export interface DynamodbTimeouts {
  /** Of a heartbeat, ms. */
  readonly beatMs: number;
  /** Of every other call, ms. */
  readonly callMs: number;
}

export const DYNAMODB_OPTIONS = [
  'table',
  'region',
  'endpoint',
  'credentials',
  'createTable',
  'billing',
  'tags',
  'timeouts',
] as const;

/** A beat must leave time for another one before the margin of a lease of 10 s is used up. */
const TIMEOUTS: DynamodbTimeouts = { beatMs: 2_000, callMs: 4_000 };
const LONGEST_TIMEOUT_MS = 60_000;

const TABLE = /^[a-zA-Z0-9_.-]{3,255}$/;
const REGION = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
/** Of a new table, by the quotas of AWS. */
const MOST_UNITS = 40_000;
const MOST_TAGS = 50;

/** Throws ERR_INVALID_OPTION. What the SDK takes from the AWS environment is left to it. */
export function resolveDynamodbOptions(options: SpecOptions, _env: NodeJS.ProcessEnv): DynamodbOptions {
  const given = object('checkpointer', options, DYNAMODB_OPTIONS);
  const { table = 'shardpool', region, createTable = true } = given;
  return {
    table: text(
      'checkpointer.table',
      table,
      TABLE,
      'the name of a table, 3 to 255 of the characters a-z, A-Z, 0-9, _, . and -',
    ),
    region:
      region === undefined
        ? null
        : text('checkpointer.region', region, REGION, "the name of an AWS region such as 'eu-west-1'"),
    endpoint: endpoint(given['endpoint']),
    credentials: credentials(given['credentials']),
    createTable: flag('checkpointer.createTable', createTable),
    billing: billing(given['billing']),
    tags: tags(given['tags']),
    timeouts: timeouts(given['timeouts']),
  };
}

function endpoint(value: unknown): string | null {
  if (value === undefined) return null;
  const name = 'checkpointer.endpoint';
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw invalid(name, 'an http or https URL as text', value);
  // Not shown: it may be a password.
  if (url.username !== '' || url.password !== '')
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `Expected \`${name}\` to be a URL without user and password`,
    );
  return value as string;
}

/** Nothing of them is ever shown. */
function credentials(value: unknown): DynamodbCredentials | null {
  if (value === undefined) return null;
  const name = 'checkpointer.credentials';
  const wrong = (expected: string) =>
    new ShardpoolError('ERR_INVALID_OPTION', `Expected \`${name}\` to be ${expected}`);
  if (typeof value !== 'object' || value === null)
    throw wrong(`an object with keys, not ${value === null ? 'null' : `a ${typeof value}`}`);
  // Others may be there, such as the `expiration` of an identity that was loaded.
  const { accessKeyId, secretAccessKey, sessionToken } = value as Readonly<Record<string, unknown>>;
  if (typeof accessKeyId !== 'string' || accessKeyId === '')
    throw wrong('an object with a string `accessKeyId`');
  if (typeof secretAccessKey !== 'string' || secretAccessKey === '')
    throw wrong('an object with a string `secretAccessKey`');
  if (sessionToken !== undefined && (typeof sessionToken !== 'string' || sessionToken === ''))
    throw wrong('an object whose `sessionToken`, if any, is a string');
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? null };
}

function billing(value: unknown = 'on-demand'): DynamodbOptions['billing'] {
  if (value === 'on-demand') return value;
  const name = 'checkpointer.billing';
  if (typeof value !== 'object' || value === null)
    throw invalid(name, "'on-demand' or { readUnits, writeUnits }", value);
  const { readUnits, writeUnits } = object(name, value, ['readUnits', 'writeUnits']);
  return {
    readUnits: integer(`${name}.readUnits`, readUnits, 1, MOST_UNITS),
    writeUnits: integer(`${name}.writeUnits`, writeUnits, 1, MOST_UNITS),
  };
}

function tags(value: unknown = {}): DynamodbOptions['tags'] {
  const name = 'checkpointer.tags';
  const given = Object.entries(bag(name, value));
  if (given.length > MOST_TAGS) throw invalid(name, `at most ${MOST_TAGS} tags`, `${given.length} tags`);
  return Object.fromEntries(
    given.map(([key, tag]) => [
      key,
      text(`${name}.${key}`, tag, /^.{0,256}$/s, 'a string of at most 256 characters'),
    ]),
  );
}

function timeouts(value: unknown = {}): DynamodbTimeouts {
  const name = 'checkpointer.timeouts';
  const { beatMs = TIMEOUTS.beatMs, callMs = TIMEOUTS.callMs } = object(name, value, ['beatMs', 'callMs']);
  return {
    beatMs: integer(`${name}.beatMs`, beatMs, 1, LONGEST_TIMEOUT_MS),
    callMs: integer(`${name}.callMs`, callMs, 1, LONGEST_TIMEOUT_MS),
  };
}
