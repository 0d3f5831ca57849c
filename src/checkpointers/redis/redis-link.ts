// One connection (or, in a cluster, one to each node that is needed) that is kept up, and calls of scripts over it that
// come to an end in time and say honestly what came of them.

import { Cluster, Command, type Redis } from 'ioredis';
import { LeaseStoreError } from '../../model/lease-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { settledWithin, type Timer, type Timers } from '../../platform/timers.ts';
import { backOff, type RedisClient } from './redis-clients.ts';
import { callError, isNoScript, isVague, messageOf, withoutArguments } from './redis-errors.ts';
import type { Script } from './redis-scripts.ts';

export interface RedisLinkParts {
  readonly where: string;
  /** A new one that is not connected yet. */
  readonly makeClient: (onError: (error: Error) => void) => RedisClient;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly withinMs: number;
}

export interface RedisLink {
  readonly client: RedisClient;
  /** Fails with the first failure, for good. */
  open(withinMs: number): Promise<void>;
  call(call: ScriptCall): Promise<unknown>;
  /** And, if `needsReplicas` says so of the answer, the replicas that have it: null where that is not known. */
  callAndWait(
    call: ScriptCall & { readonly replicas: number },
  ): Promise<{ readonly answer: unknown; readonly replicas: number | null }>;
  close(): Promise<void>;
}

/** For the answer of WAIT, after its own time-out, to arrive. */
const WAIT_SPARE_MS = 100;
const CLOSE_WITHIN_MS = 500;

export function createRedisLink({ where, makeClient, clock, timers }: RedisLinkParts): RedisLink {
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new';
  let lastError: unknown = null;
  const note = (error: unknown) => {
    if (lastError === null || !isVague(error)) lastError = withoutArguments(error);
  };
  let client = makeClient(note);
  let restart: Timer | null = null;
  let restarts = 0;
  const waiting = new Set<() => void>();

  const wake = () => {
    for (const each of waiting) each();
  };

  const attach = () => {
    const mine = client;
    mine.on('error', note);
    mine.on('node error', note);
    mine.on('sentinelError', note);
    mine.on('ready', () => {
      restarts = 0;
      lastError = null;
      wake();
    });
    mine.on('end', () => {
      if (mine !== client || state !== 'open') return;
      // It gave up, as it does when no Sentinel answers; the next one tries again.
      restarts += 1;
      restart = timers.setTimeout(() => {
        client = makeClient(note);
        attach();
        client.connect().catch(note);
      }, backOff(restarts));
    });
  };
  attach();

  const closed = () => new LeaseStoreError('not-applied', 'The lease store is closed');
  const unreachable = () => {
    const because = lastError === null ? '' : `: ${messageOf(lastError)}`;
    return new LeaseStoreError('not-applied', `There is no connection to ${where}${because}`, {
      cause: lastError ?? undefined,
      retryable: true,
    });
  };

  const ready = (ms: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (state !== 'open') settle(() => reject(closed()));
        else if (client.status === 'ready') settle(resolve);
      };
      const settle = (action: () => void) => {
        timers.clearTimeout(timer);
        waiting.delete(look);
        action();
      };
      const timer = timers.setTimeout(() => settle(() => reject(unreachable())), ms);
      waiting.add(look);
      look();
    });

  /** What was sent may be applied after we gave up. */
  const bounded = <T>(ms: number, work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = timers.setTimeout(() => {
        const message = `${where} did not answer within ${Math.round(ms)} ms`;
        reject(new LeaseStoreError('unknown', message, { retryable: true }));
      }, ms);
      work
        .then(resolve, (error: unknown) => reject(callError(where, error)))
        .finally(() => timers.clearTimeout(timer));
    });

  const inFlight = new Set<Promise<unknown>>();
  /** Known to `close`, so that it can let them end. */
  const tracked = async <T>(work: Promise<T>): Promise<T> => {
    inFlight.add(work);
    try {
      return await work;
    } finally {
      inFlight.delete(work);
    }
  };

  const start = async (ms: number) => {
    const deadline = clock.monotonic() + ms;
    if (state !== 'open') throw closed();
    if (client.status !== 'ready') await ready(ms);
    return Math.max(1, deadline - clock.monotonic());
  };

  /** By its hash; only a server that does not know the script yet is sent its text. */
  const evaluate = async ({ script, keys, args }: ScriptCall): Promise<unknown> => {
    const rest = [keys.length, ...keys, ...args] as const;
    try {
      return await client.evalsha(script.sha1, ...rest);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return client.eval(script.lua, ...rest);
    }
  };

  /** On one connection, because WAIT counts for the writes of its own. */
  const evaluateAndWait = async (call: ScriptCall, replicas: number, waitMs: number) => {
    const node = nodeOf(client, call);
    if (node === null) return { answer: await evaluate(call), replicas: null };
    const rest = [call.keys.length, ...call.keys, ...call.args] as const;
    const run = async (isKnown: boolean) => {
      const pipeline = node.pipeline();
      const sent = isKnown
        ? pipeline.evalsha(call.script.sha1, ...rest)
        : pipeline.eval(call.script.lua, ...rest);
      const [answer, acks] = (await sent.wait(replicas, waitMs).exec()) ?? [];
      if (answer?.[0]) throw answer[0];
      if (acks?.[0]) throw new Error(`WAIT failed: ${acks[0].message}`);
      return { answer: answer?.[1], replicas: Number(acks?.[1]) };
    };
    try {
      return await run(true);
    } catch (error) {
      if (isNoScript(error)) return run(false);
      // The client follows the slot to where it is now.
      if (/^(MOVED|ASK) /.test(messageOf(error))) return { answer: await evaluate(call), replicas: null };
      throw error;
    }
  };

  return {
    get client() {
      return client;
    },
    async open(withinMs) {
      if (state !== 'new') throw closed();
      state = 'opening';
      try {
        await bounded(withinMs, client.connect());
      } catch (error) {
        // What the library rejects with says less than what it reported before.
        const cause = lastError ?? (error as Error).cause ?? error;
        throw new LeaseStoreError('not-applied', `Cannot connect to ${where}: ${messageOf(cause)}`, {
          cause,
        });
      }
      if (state !== 'opening') throw closed();
      state = 'open';
    },
    async call(call) {
      const ms = await start(call.withinMs);
      return tracked(bounded(ms, evaluate(call)));
    },
    async callAndWait(call) {
      const ms = await start(call.withinMs);
      const waitMs = Math.max(1, Math.floor(ms - WAIT_SPARE_MS));
      return tracked(bounded(ms, evaluateAndWait(call, call.replicas, waitMs)));
    },
    async close() {
      if (state === 'closed') return;
      state = 'closed';
      if (restart !== null) timers.clearTimeout(restart);
      wake();
      await settledWithin(timers, Promise.allSettled(inFlight), CLOSE_WITHIN_MS);
      await ended(client, timers);
    },
  };
}

/** The client of the node that has the keys; null where it is not known. */
function nodeOf(client: RedisClient, { script, keys }: ScriptCall): Redis | null {
  if (!(client instanceof Cluster)) return client;
  const slot = new Command('evalsha', [script.sha1, String(keys.length), ...keys]).getSlot();
  const key = client.slots[slot]?.[0];
  return client.nodes('master').find(({ options }) => `${options.host}:${options.port}` === key) ?? null;
}

/** Closes it; one that is between two connections says nothing more, and has nothing that could keep the process. */
function ended(client: RedisClient, timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === 'end') return resolve();
    const timer = timers.setTimeout(resolve, CLOSE_WITHIN_MS);
    client.once('end', () => {
      timers.clearTimeout(timer);
      resolve();
    });
    const isBetween = client.status === 'reconnecting' || client.status === 'close';
    client.disconnect();
    if (isBetween) {
      timers.clearTimeout(timer);
      resolve();
    }
  });
}
