// Addresses of hosts, over failures of the resolver: the last good ones serve while it fails or hangs.
//
// dns.lookup runs on libuv's pool of four, which all threads of the process share: stuck file or resolver calls stop it.
// One question per host at a time, so that a resolver that hangs holds one thread of the pool and not all of them.

import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Timer, Timers } from '../platform/timers.ts';

export type Resolver = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

type Done = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;

interface Host {
  good: readonly LookupAddress[];
  /** Who waits for the question under way; null when there is none. */
  waiting: Done[] | null;
  /** The question under way takes too long. */
  isLate: boolean;
}

/** How long the resolver may take where an earlier answer is at hand. */
const PATIENCE_MS = 1_000;

export function lastGoodLookup(timers: Timers, resolve: Resolver = systemLookup): LookupFunction {
  const hosts = new Map<string, Host>();

  const ask = (host: Host, first: Done, hostname: string, options: LookupOptions) => {
    const waiting = [first];
    host.waiting = waiting;
    host.isLate = false;
    const timer: Timer = timers.setTimeout(() => {
      host.isLate = true;
      // Without an earlier answer the limit for the connection ends the wait.
      if (host.good.length === 0) return;
      for (const done of waiting.splice(0)) done(null, host.good);
    }, PATIENCE_MS);
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      timers.clearTimeout(timer);
      host.waiting = null;
      if (error === null && addresses.length > 0) host.good = addresses;
      const failure = host.good.length > 0 ? null : (error ?? notFound(hostname));
      for (const done of waiting) done(failure, host.good);
    });
  };

  return (hostname, options, callback) => {
    const done: Done = (error, addresses) => {
      if (error !== null) callback(error, options.all === true ? [] : '');
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    };
    const key = `${hostname} ${options.family ?? 0} ${options.hints ?? 0}`;
    const host = hosts.get(key) ?? { good: [], waiting: null, isLate: false };
    hosts.set(key, host);
    if (host.waiting === null) ask(host, done, hostname, options);
    // The resolver hangs already. Not at once: the socket is not ready for an answer yet.
    else if (host.isLate && host.good.length > 0) process.nextTick(done, null, host.good);
    else host.waiting.push(done);
  };
}

function notFound(hostname: string): NodeJS.ErrnoException {
  const code = 'ENOTFOUND';
  return Object.assign(new Error(`${code} ${hostname}: no address`), { code, syscall: 'getaddrinfo' });
}
