// The options of the redis checkpointer: what may be given, what follows from the environment, and what contradicts itself.

import { flag, integer, invalid, object, text } from '../../model/checks.ts';
import { ShardpoolError } from '../../model/errors.ts';
import type { SpecOptions } from '../../model/specs.ts';
import { parseRedisUrl } from './redis-url.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Options of Node's TLS that are plain data. */
export type RedisTls = Readonly<Partial<Record<(typeof TLS_TEXTS)[number], string>>> & {
  readonly rejectUnauthorized?: boolean;
};

export type RedisServers =
  | { readonly kind: 'single'; readonly address: RedisAddress }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly masterName: string;
      readonly username: string | null;
      readonly password: string | null;
    };

/** As resolved: every default is filled in. */
export interface RedisOptions {
  readonly servers: RedisServers;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number;
  readonly tls: RedisTls | null;
  readonly keyPrefix: string;
  readonly waitReplicas: number;
  readonly protocol: 2 | 3;
  readonly natMap: Readonly<Record<string, RedisAddress>> | null;
  readonly trustEmpty: boolean;
}

export const REDIS_OPTIONS = [
  'url',
  'host',
  'port',
  'username',
  'password',
  'db',
  'tls',
  'cluster',
  'sentinels',
  'sentinelName',
  'sentinelUsername',
  'sentinelPassword',
  'keyPrefix',
  'waitReplicas',
  'protocol',
  'natMap',
  'trustEmpty',
] as const;

type Name = (typeof REDIS_OPTIONS)[number];
type Given = Readonly<Partial<Record<Name, unknown>>>;

const TLS_TEXTS = [
  'ca',
  'cert',
  'key',
  'passphrase',
  'servername',
  'minVersion',
  'maxVersion',
  'ciphers',
] as const;
const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;
const MAX_PORT = 65_535;
const MAX_DB = 1_000_000;
const MAX_REPLICAS = 100;

const option = (name: Name): string => `checkpointer.${name}`;

/**
 * Where an option is not given, REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD and REDIS_DB say it.
 * Throws ERR_INVALID_OPTION. No message shows a password.
 */
export function resolveRedisOptions(options: SpecOptions, env: NodeJS.ProcessEnv): RedisOptions {
  const given: Given = withoutUndefined(object('checkpointer', options, REDIS_OPTIONS));
  const isCluster = given.cluster !== undefined && given.cluster !== false;
  const fromEnv = environment(given, isCluster, env);
  const [urlName, url] = given.url === undefined ? ['REDIS_URL', fromEnv.url] : [option('url'), given.url];
  const parsed = url === undefined ? null : parseRedisUrl(urlName, url);
  refuseContradictions(given, isCluster, given.url === undefined ? null : parsed);

  const host = given.host ?? parsed?.host ?? fromEnv.host ?? DEFAULT_HOST;
  const port = given.port ?? parsed?.port ?? fromEnv.port ?? DEFAULT_PORT;
  const single = () => ({
    host: text(option('host'), host),
    port: integer(option('port'), port, 1, MAX_PORT),
  });
  const db = isCluster ? 0 : (given.db ?? parsed?.db ?? fromEnv.db ?? 0);
  return {
    servers: servers(given, isCluster, single),
    username: optionalText('username', given.username ?? parsed?.username ?? fromEnv.username),
    password: secret('password', given.password ?? parsed?.password ?? fromEnv.password),
    db: integer(option('db'), db, 0, MAX_DB),
    tls: tls(given.tls ?? parsed?.isTls ?? false),
    keyPrefix: text(option('keyPrefix'), given.keyPrefix ?? 'shardpool', /^[^{}]+$/, 'text without { and }'),
    waitReplicas: integer(option('waitReplicas'), given.waitReplicas ?? 0, 0, MAX_REPLICAS),
    protocol: protocol(given.protocol ?? 3),
    natMap: given.natMap === undefined ? null : natMap(given.natMap),
    trustEmpty: flag(option('trustEmpty'), given.trustEmpty ?? false),
  };
}

function withoutUndefined(options: Readonly<Record<string, unknown>>): Given {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Where the options say which servers, the environment does not say it too; and a URL says it before host and port. */
function environment(given: Given, isCluster: boolean, env: NodeJS.ProcessEnv) {
  const value = (name: string) => (env[name] === '' ? undefined : env[name]);
  const digits = (name: string, min: number, max: number) => {
    const found = value(name);
    if (found === undefined) return undefined;
    return integer(name, /^\d+$/.test(found) ? Number(found) : found, min, max);
  };
  const isNamed = given.url !== undefined || Array.isArray(given.cluster) || given.sentinels !== undefined;
  const url =
    isNamed || given.host !== undefined || given.port !== undefined ? undefined : value('REDIS_URL');
  const isAddressed = isNamed || url !== undefined;
  return {
    url,
    host: isAddressed ? undefined : value('REDIS_HOST'),
    port: isAddressed ? undefined : digits('REDIS_PORT', 1, MAX_PORT),
    username: value('REDIS_USERNAME'),
    password: value('REDIS_PASSWORD'),
    db: isCluster ? undefined : digits('REDIS_DB', 0, MAX_DB),
  };
}

/** Two options that say the same thing: nobody can know which one was meant. */
function refuseContradictions(
  given: Given,
  isCluster: boolean,
  url: ReturnType<typeof parseRedisUrl> | null,
): void {
  const isGiven = (name: Name) => given[name] !== undefined;
  const notBoth = (name: Name, other: Name) => {
    if (isGiven(name) && isGiven(other)) throw contradiction(name, `left out beside \`${other}\``);
  };
  for (const each of ['host', 'port'] as const) notBoth(each, 'url');
  for (const each of ['url', 'host', 'port'] as const) {
    notBoth(each, 'sentinels');
    if (Array.isArray(given.cluster)) notBoth(each, 'cluster');
  }
  if (isCluster) notBoth('sentinels', 'cluster');
  for (const each of ['username', 'password', 'db'] as const) {
    if (url !== null && url[each] !== null && isGiven(each))
      throw contradiction(each, 'left out where `url` has it');
  }
  if (url?.isTls === true && given.tls === false)
    throw contradiction('tls', 'left out or true with a rediss: URL');
  if (isCluster && (given.db ?? url?.db ?? 0) !== 0) {
    throw contradiction('db', 'left out or 0 with `cluster`, which has no other');
  }
  for (const each of ['sentinelName', 'sentinelUsername', 'sentinelPassword'] as const) {
    if (isGiven(each) && !isGiven('sentinels'))
      throw contradiction(each, 'left out where there are no `sentinels`');
  }
  if (isGiven('sentinels') && !isGiven('sentinelName')) {
    throw invalid(option('sentinelName'), 'the name under which the Sentinels know the master', undefined);
  }
}

/** Without what was given: it may be a password. */
function contradiction(name: Name, expected: string): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_OPTION', `Expected \`${option(name)}\` to be ${expected}`);
}

function servers(given: Given, isCluster: boolean, single: () => RedisAddress): RedisServers {
  if (given.sentinels !== undefined) {
    return {
      kind: 'sentinel',
      sentinels: addresses('sentinels', given.sentinels, DEFAULT_SENTINEL_PORT),
      masterName: text(option('sentinelName'), given.sentinelName),
      username: optionalText('sentinelUsername', given.sentinelUsername),
      password: secret('sentinelPassword', given.sentinelPassword),
    };
  }
  if (!isCluster) return { kind: 'single', address: single() };
  if (given.cluster === true) return { kind: 'cluster', nodes: [single()] };
  return { kind: 'cluster', nodes: addresses('cluster', given.cluster, DEFAULT_PORT) };
}

function addresses(name: Name, value: unknown, defaultPort: number): RedisAddress[] {
  if (!Array.isArray(value) || value.length === 0) {
    const orTrue = name === 'cluster' ? 'true, or ' : '';
    throw invalid(option(name), `${orTrue}a list of { host, port } that is not empty`, value);
  }
  return value.map((each, i) => address(`${option(name)}[${i}]`, each, defaultPort));
}

function address(name: string, value: unknown, defaultPort: number): RedisAddress {
  const { host, port } = object(name, value, ['host', 'port']);
  return {
    host: text(`${name}.host`, host),
    port: integer(`${name}.port`, port ?? defaultPort, 1, MAX_PORT),
  };
}

function natMap(value: unknown): Record<string, RedisAddress> {
  const name = option('natMap');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(name, "an object of { 'host:port': { host, port } }", value);
  }
  return Object.fromEntries(
    Object.entries(value).map(([from, to]) => {
      if (!/:\d+$/.test(from)) throw invalid(name, "an object with keys such as '10.0.0.1:6379'", from);
      return [from, address(`${name}['${from}']`, to, DEFAULT_PORT)];
    }),
  );
}

function tls(value: unknown): RedisTls | null {
  if (typeof value === 'boolean') return value ? {} : null;
  const name = option('tls');
  const given = object(name, value, [...TLS_TEXTS, 'rejectUnauthorized']);
  const texts = TLS_TEXTS.filter((key) => given[key] !== undefined).map((key) => {
    const part = given[key];
    // A key or its passphrase is not shown.
    if (typeof part !== 'string' || part === '') {
      throw new ShardpoolError(
        'ERR_INVALID_OPTION',
        `Expected \`${name}.${key}\` to be a string that is not empty`,
      );
    }
    return [key, part];
  });
  const { rejectUnauthorized } = given;
  return {
    ...Object.fromEntries(texts),
    ...(rejectUnauthorized === undefined
      ? {}
      : { rejectUnauthorized: flag(`${name}.rejectUnauthorized`, rejectUnauthorized) }),
  };
}

function protocol(value: unknown): 2 | 3 {
  if (value === 2 || value === 3) return value;
  throw invalid(option('protocol'), '2 or 3', value);
}

function optionalText(name: Name, value: unknown): string | null {
  return value === undefined || value === null ? null : text(option(name), value);
}

function secret(name: Name, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value !== '') return value;
  throw contradiction(name, 'a string that is not empty');
}
