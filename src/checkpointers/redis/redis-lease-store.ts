// The lease store in Redis: one server, Sentinels or a cluster. Every read and write is one call of a script.
//
// A replica that becomes master may lack the last writes, and a server that restarts may lack them all. The scripts notice it by
// the identity of the process that runs them, and refuse takes and evictions for the length of a lease from then on: by
// that time everybody whose beats were forgotten has given up.

import {
  type AppRow,
  type FullRead,
  type LeaseStore,
  LeaseStoreError,
  type LeaseStoreScope,
  type SessionRow,
  type ShardRow,
  type TickRead,
  type WriteResult,
} from '../../model/lease-store.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { systemTimers, type Timers } from '../../platform/timers.ts';
import { redisClients } from './redis-clients.ts';
import { redisKeys } from './redis-keys.ts';
import { createRedisLink, type RedisLink } from './redis-link.ts';
import type { RedisOptions } from './redis-options.ts';
import {
  appRow,
  encodedNumber,
  encodedSession,
  encodedShard,
  foreignRow,
  rowsOf,
  sessionRow,
  shardRow,
} from './redis-rows.ts';
import { type ScriptName, SCRIPTS } from './redis-scripts.ts';
import { createRedisSubscription, type RedisSubscription } from './redis-subscription.ts';

const OPEN_WITHIN_MS = 5_000;
/** The longest of a call; a short lease makes them shorter. */
const BEAT_MS = 2_000;
const CALL_MS = 4_000;
const BEATS_OF_LEASE = 0.2;
const CALLS_OF_LEASE = 0.4;

export function createRedisLeaseStore(
  options: RedisOptions,
  scope: LeaseStoreScope,
  { clock, timers }: { clock: Clock; timers: Timers } = { clock: systemClock, timers: systemTimers },
): LeaseStore {
  const keys = redisKeys(options.keyPrefix, scope);
  const clients = redisClients(options);
  const link = (stallMs: number) =>
    createRedisLink({
      where: clients.where,
      makeClient: (onError) => clients.calls(stallMs, onError),
      clock,
      timers,
    });
  const calls = link(CALL_MS);
  const beats = link(BEAT_MS);
  let subscription: RedisSubscription | null = null;
  let isClosed = false;
  let leaseDurationMs = Infinity;
  /** The greatest that was ever seen here: a server that has a smaller one has forgotten something. */
  let seenRev = -1;
  let tokenFloor = 0;

  const scriptCall = (name: ScriptName, write: object, withinMs: number) => ({
    script: SCRIPTS[name],
    keys: [keys.app, keys.sessions, keys.shards],
    args: [JSON.stringify(write), keys.channel],
    withinMs,
  });
  const run = (name: ScriptName, write: object = {}, over: RedisLink = calls): Promise<unknown> =>
    over.call(scriptCall(name, write, Math.min(CALL_MS, leaseDurationMs * CALLS_OF_LEASE)));

  /** A read that failed changed nothing. */
  const read = async (name: ScriptName, what: object): Promise<unknown> => {
    try {
      return await run(name, what);
    } catch (error) {
      if (!(error instanceof LeaseStoreError) || error.outcome === 'not-applied') throw error;
      const { message, cause, retryable } = error;
      throw new LeaseStoreError('not-applied', message, { cause: cause ?? error, retryable });
    }
  };

  const session = (text: unknown): SessionRow => sessionRow(keys.sessions, text);
  const shard = (text: unknown): ShardRow => shardRow(keys.shards, text);
  const written = <Row>(key: string, decode: (text: unknown) => Row, answer: unknown): WriteResult<Row> => {
    if (!Array.isArray(answer)) throw foreignRow(key, 'a script answered with something else than a row');
    const [applied, text] = answer as unknown[];
    return { applied: applied === 1, row: text === null || text === undefined ? null : decode(text) };
  };
  const writeSession = async (name: ScriptName, write: object) =>
    written(keys.sessions, session, await run(name, write));
  const writeShard = async (name: ScriptName, write: object) =>
    written(keys.shards, shard, await run(name, write));

  const app = (fields: unknown): AppRow | null => {
    if (fields === null || fields === undefined) return null;
    const row = appRow(keys.app, fields);
    seenRev = Math.max(seenRev, row.rev);
    leaseDurationMs = row.leaseDurationMs;
    return row;
  };
  const tick = (answer: unknown): TickRead => {
    const [fields, quiet, time, sessions] = answer as unknown[];
    // The clock of a replica that was promoted may be behind that of the master that gave out the last tokens.
    tokenFloor = Math.max(tokenFloor, Number(time));
    return {
      app: app(fields),
      sessions: rowsOf(keys.sessions, sessions, sessionRow),
      quiet: quiet === 1,
      tokenFloor,
    };
  };

  const close = async (): Promise<void> => {
    isClosed = true;
    await Promise.all([subscription?.close(), calls.close(), beats.close()]);
  };

  return {
    async open() {
      if (isClosed) throw new LeaseStoreError('not-applied', 'The lease store is closed');
      try {
        await Promise.all([calls.open(OPEN_WITHIN_MS), beats.open(OPEN_WITHIN_MS)]);
        await run('probe');
      } catch (error) {
        await close();
        throw error;
      }
    },
    close,
    watch(onChange) {
      if (isClosed) return;
      const makeClient = () => clients.subscriber(calls.client, CALL_MS);
      subscription ??= createRedisSubscription({ makeClient, channel: keys.channel, onChange, timers });
    },

    async readTick() {
      return tick(await read('readTick', { seenRev }));
    },
    async readAll(): Promise<FullRead> {
      const answer = await read('readAll', { seenRev });
      return { ...tick(answer), shards: rowsOf(keys.shards, (answer as unknown[])[4], shardRow) };
    },
    async readSession(id) {
      const text = await read('readSession', { session: id });
      return text === null ? null : session(text);
    },
    async readShard(shardId) {
      const text = await read('readShard', { shardId });
      return text === null ? null : shard(text);
    },

    async createApp(row) {
      const { trustEmpty } = options;
      return written(
        keys.app,
        (fields) => app(fields)!,
        await run('createApp', { ...row, seenRev, trustEmpty }),
      );
    },

    createSession: (row) => writeSession('createSession', encodedSession(row)),
    async beat({ session: id, beat, state, maxShards }) {
      const write = {
        session: id,
        beat: encodedNumber(beat),
        state,
        maxShards: encodedNumber(maxShards),
      };
      const call = scriptCall('beat', write, Math.min(BEAT_MS, leaseDurationMs * BEATS_OF_LEASE));
      if (options.waitReplicas === 0) return written(keys.sessions, session, await beats.call(call));
      const { answer, replicas } = await beats.callAndWait({ ...call, replicas: options.waitReplicas });
      const result = written(keys.sessions, session, answer);
      if (result.applied && (replicas ?? 0) < options.waitReplicas) {
        const message = `A beat reached ${replicas ?? 'an unknown number of'} replicas, not ${options.waitReplicas}`;
        throw new LeaseStoreError('unknown', message, { retryable: true });
      }
      return result;
    },
    end: (id) => writeSession('end', { session: id }),
    evict: ({ session: id, beat }) =>
      writeSession('evict', {
        session: id,
        beat: encodedNumber(beat),
        seenRev,
        tombstone: encodedSession(tombstone(id)),
      }),
    deleteSession: (id) => writeSession('deleteSession', { session: id }),

    createShard: ({ shardId, startsAt, parents, position }) =>
      writeShard('createShard', encodedShard(freeShard({ shardId, startsAt, parents, position }))),
    replaceShard: ({ shardId, seenStartsAt, startsAt, parents, position }) =>
      writeShard('replaceShard', {
        shardId,
        seenStartsAt,
        row: encodedShard(freeShard({ shardId, startsAt, parents, position })),
      }),
    take: (write) => writeShard('take', { ...withTokens(write), seenRev }),
    mark: (write) => writeShard('mark', withTokens(write)),
    checkpoint: (write) => writeShard('checkpoint', withTokens(write)),
    release: (write) => writeShard('release', withTokens(write)),
    finish: (write) => writeShard('finish', withTokens(write)),
    deleteShard: (shardId) => writeShard('deleteShard', { shardId }),
  };
}

/** Stands for a session that a shard names but that has no row, so that it can never be created late. */
function tombstone(session: string): SessionRow {
  return { session, beat: 0, state: 'dead', maxShards: null, host: '', boot: '', pid: 0, version: '' };
}

function freeShard(shard: Pick<ShardRow, 'shardId' | 'startsAt' | 'parents' | 'position'>): ShardRow {
  return { ...shard, owner: null, token: 0, handOffTo: null };
}

function withTokens(write: { readonly token?: number; readonly seenToken?: number }): object {
  const { token, seenToken } = write;
  return {
    ...write,
    ...(token === undefined ? {} : { token: encodedNumber(token) }),
    ...(seenToken === undefined ? {} : { seenToken: encodedNumber(seenToken) }),
  };
}
