// What a redis:// or rediss:// URL says. A URL may hold a password, so no message here shows one.

import { ShardpoolError } from '../../model/errors.ts';

export interface ParsedRedisUrl {
  readonly host: string;
  readonly port: number | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly db: number | null;
  readonly isTls: boolean;
}

const EXPECTED = 'redis://[username[:password]@]host[:port][/db], or the same with rediss: for TLS';

/** Throws ERR_INVALID_OPTION. */
export function parseRedisUrl(option: string, value: unknown): ParsedRedisUrl {
  const wrong = (what: string) =>
    new ShardpoolError('ERR_INVALID_OPTION', `Expected \`${option}\` to be ${EXPECTED}; ${what}`);
  if (typeof value !== 'string' || !URL.canParse(value)) throw wrong('it is no URL');
  const url = new URL(value);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw wrong(`it begins with ${url.protocol}`);
  if (url.hostname === '') throw wrong('it names no host');
  const db = /^\/?(\d*)$/.exec(url.pathname)?.[1];
  if (db === undefined) throw wrong('what follows the host is not the number of a database');
  if (url.search !== '' || url.hash !== '')
    throw wrong('it has parameters, which are options of their own here');
  return {
    // An IPv6 address has brackets in a URL and none elsewhere.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? null : Number(url.port),
    username: url.username === '' ? null : decoded(url.username, wrong),
    password: url.password === '' ? null : decoded(url.password, wrong),
    db: db === '' ? null : Number(db),
    isTls: url.protocol === 'rediss:',
  };
}

function decoded(part: string, wrong: (what: string) => ShardpoolError): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('its username or password has a percent sign that is not written as %25');
  }
}
