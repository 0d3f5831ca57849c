// The lease store on DynamoDB: one table for all applications, one partition for each application and stream, and nothing but
// conditional writes of single items.

import { createCredentialCache } from '../../kinesis/credential-cache.ts';
import { loadCredentials } from '../../kinesis/credentials.ts';
import {
  type AppRow,
  type LeaseStore,
  LeaseStoreError,
  type LeaseStoreScope,
  type SessionRow,
  type ShardRow,
  type WriteResult,
} from '../../model/lease-store.ts';
import { isBefore, SHARD_END } from '../../model/position.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import { systemTimers, type Timers } from '../../platform/timers.ts';
import type { Expression } from './dynamodb-expressions.ts';
import { createLine } from './dynamodb-line.ts';
import { checkKey, keysInTime, patiently } from './dynamodb-opening.ts';
import type { DynamodbOptions } from './dynamodb-options.ts';
import { type Change, createPartition, type Outcome } from './dynamodb-partition.ts';
import {
  APP,
  appRow,
  type Item,
  partitionOf,
  rowsOf,
  sessionFields,
  sessionKey,
  sessionRow,
  shardKey,
  shardRow,
  SHARDS,
} from './dynamodb-rows.ts';
import { ensureTable } from './dynamodb-table.ts';
import { createRevUpdates } from './rev-updates.ts';

/** Writes of many checkpoints at once share these; a beat never waits for one. */
const MAX_SOCKETS = 64;
/** One for the beat, and one where the beat before is stuck. */
const BEAT_SOCKETS = 2;

const FORGETS_NOTHING = { quiet: false, tokenFloor: 0 };
const LIVE = ['live', 'draining'] as const;

export function createDynamodbLeaseStore(
  options: DynamodbOptions,
  scope: LeaseStoreScope,
  { timers, clock }: { timers: Timers; clock: Clock } = { timers: systemTimers, clock: systemClock },
): LeaseStore {
  const { table, timeouts } = options;
  const pk = partitionOf(scope);
  const credentials = createCredentialCache(loadCredentials(given(options.credentials), clock), () =>
    clock.now(),
  );
  const parts = { options, credentials, timers };
  const line = createLine({ ...parts, limitMs: timeouts.callMs, maxSockets: MAX_SOCKETS });
  const beatLine = createLine({ ...parts, limitMs: timeouts.beatMs, maxSockets: BEAT_SOCKETS });
  const partition = createPartition(line, table, pk);
  const beats = createPartition(beatLine, table, pk);
  const closing = new AbortController();

  const rev = createRevUpdates({
    timers,
    update: async () => {
      await partition.update({ name: 'rev', sk: APP, isRepeatable: true }, (e) => ({
        condition: e.atLeast('rev', 0),
        update: e.update({}, { rev: 1 }),
      }));
    },
  });

  const endLines = () => {
    line.close();
    beatLine.close();
  };

  const ensureOpen = () => {
    if (closing.signal.aborted) throw new LeaseStoreError('not-applied', 'The lease store is closed');
  };

  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    ensureOpen();
    return read();
  };

  const writing = async <Row>(
    write: () => Promise<Outcome>,
    rowOf: (item: Item) => Row,
  ): Promise<WriteResult<Row>> => {
    ensureOpen();
    const { applied, item } = await write();
    return { applied, row: item === null ? null : rowOf(item) };
  };

  /** The same, of a write that changes an allocation when it is applied. */
  const changing = async <Row>(
    write: () => Promise<Outcome>,
    rowOf: (item: Item) => Row,
  ): Promise<WriteResult<Row>> => {
    try {
      const result = await writing(write, rowOf);
      if (result.applied) rev.changed();
      return result;
    } catch (error) {
      // It may have been applied, and nobody would see it for a while.
      if (error instanceof LeaseStoreError && error.outcome === 'unknown') rev.changed();
      throw error;
    }
  };

  const session = (name: string, id: string) => ({ name, sk: sessionKey(id) });
  const shard = (name: string, id: string) => ({ name, sk: shardKey(id) });

  const isOwner = (e: Expression, { me, token }: { me: string; token: number }) =>
    e.all(e.equal('owner', me), e.equal('token', token));

  const updateShard = (name: string, shardId: string, change: (e: Expression) => Change) =>
    changing<ShardRow>(() => partition.update(shard(name, shardId), change), shardRow);

  return {
    async open() {
      ensureOpen();
      try {
        checkKey(pk, scope);
        await keysInTime(() => credentials.get(), timers);
        await patiently({ clock, timers, closing: closing.signal }, async () => {
          await ensureTable({ line, options, clock, timers, closing: closing.signal });
          // Shows at once whether the table may be read, and whether the rows are ours.
          rowsOf(await partition.query('open', { kind: 'open', before: SHARDS }));
        });
      } catch (error) {
        endLines();
        throw error;
      }
    },
    async close() {
      closing.abort();
      await rev.finish();
      endLines();
    },

    readTick: () =>
      reading(async () => {
        const { app, sessions } = rowsOf(await partition.query('readTick', { before: SHARDS }));
        return { app, sessions, ...FORGETS_NOTHING };
      }),
    // The app row sorts first, so `rev` is never newer than the shards.
    readAll: () => reading(async () => ({ ...rowsOf(await partition.query('readAll')), ...FORGETS_NOTHING })),
    readSession: (id) =>
      reading(async () => {
        const item = await partition.get('readSession', sessionKey(id));
        return item === null ? null : sessionRow(item);
      }),
    readShard: (shardId) =>
      reading(async () => {
        const item = await partition.get('readShard', shardKey(shardId));
        return item === null ? null : shardRow(item);
      }),

    createApp: (row) =>
      writing<AppRow>(
        () => partition.create({ name: 'createApp', sk: APP, isRepeatable: true }, { ...row, rev: 0 }),
        appRow,
      ),

    createSession: (row) =>
      writing<SessionRow>(
        () =>
          partition.create(
            { ...session('createSession', row.session), isRepeatable: true },
            sessionFields(row),
          ),
        sessionRow,
      ),
    beat: ({ session: id, beat, state, maxShards }) =>
      writing<SessionRow>(
        () =>
          beats.update({ ...session('beat', id), isRepeatable: true }, (e) => ({
            condition: e.all(e.oneOf('state', LIVE), e.below('beat', beat)),
            update: e.update({ beat, state, maxShards }),
          })),
        sessionRow,
      ),
    end: (id) =>
      writing<SessionRow>(
        () =>
          partition.update({ ...session('end', id), isRepeatable: true }, (e) => ({
            condition: e.oneOf('state', [...LIVE, 'ended']),
            update: e.update({ state: 'ended' }),
          })),
        sessionRow,
      ),
    evict: ({ session: id, beat }) =>
      changing<SessionRow>(
        () =>
          beat === null
            ? partition.create(session('evict', id), sessionFields(tombstone(id)))
            : partition.update(session('evict', id), (e) => ({
                condition: e.all(e.oneOf('state', LIVE), e.equal('beat', beat)),
                update: e.update({ state: 'dead' }),
              })),
        sessionRow,
      ),
    deleteSession: (id) =>
      writing<SessionRow>(
        () =>
          partition.remove({ ...session('deleteSession', id), isRepeatable: true }, (e) =>
            e.oneOf('state', ['ended', 'dead']),
          ),
        sessionRow,
      ),

    createShard: ({ shardId, ...row }) =>
      changing<ShardRow>(
        () => partition.create(shard('createShard', shardId), { ...row, token: 0 }),
        shardRow,
      ),
    replaceShard: ({ shardId, seenStartsAt, startsAt, parents, position }) =>
      updateShard('replaceShard', shardId, (e) => ({
        condition: e.equal('startsAt', seenStartsAt),
        update: e.update({ startsAt, parents, position, owner: null, handOffTo: null }, { token: 1 }),
      })),
    take: ({ shardId, seenOwner, seenToken, me, token, salvage }) => {
      const asSeen = (e: Expression) =>
        e.all(e.equal('owner', seenOwner), e.equal('token', seenToken), e.below('position', SHARD_END));
      const taken = { owner: me, token, handOffTo: null };
      const plain = (e: Expression) => ({ condition: asSeen(e), update: e.update(taken) });
      if (salvage === null) return updateShard('take', shardId, plain);
      // An update has no maximum of two values. While owner and token stay as seen a position only grows, so whichever of
      // the two changes fits by now still fits when it arrives.
      return changing<ShardRow>(
        () =>
          partition.update(
            shard('take', shardId),
            (e) => ({
              condition: e.all(asSeen(e), e.below('position', salvage)),
              update: e.update({ ...taken, position: salvage }),
            }),
            (item) => {
              const { owner, token, position } = shardRow(item);
              const fits = owner === seenOwner && token === seenToken && !isBefore(position, salvage);
              return fits
                ? (e) => ({
                    condition: e.all(asSeen(e), e.atLeast('position', salvage)),
                    update: e.update(taken),
                  })
                : null;
            },
          ),
        shardRow,
      );
    },
    mark: ({ shardId, seenOwner, seenToken, seenHandOffTo, handOffTo }) =>
      updateShard('mark', shardId, (e) => ({
        condition: e.all(
          e.equal('owner', seenOwner),
          e.equal('token', seenToken),
          e.equal('handOffTo', seenHandOffTo),
          e.below('position', SHARD_END),
        ),
        update: e.update({ handOffTo }),
      })),
    checkpoint: ({ shardId, position, ...mine }) =>
      writing<ShardRow>(
        () =>
          partition.update({ ...shard('checkpoint', shardId), isRepeatable: true }, (e) => ({
            condition: e.all(isOwner(e, mine), e.atMost('position', position)),
            update: e.update({ position }),
          })),
        shardRow,
      ),
    release: ({ shardId, position, ...mine }) =>
      updateShard('release', shardId, (e) => ({
        condition: e.all(isOwner(e, mine), e.atMost('position', position)),
        update: e.update({ position, owner: null }),
      })),
    finish: ({ shardId, ...mine }) =>
      updateShard('finish', shardId, (e) => ({
        condition: isOwner(e, mine),
        update: e.update({ position: SHARD_END, owner: null, handOffTo: null }),
      })),
    deleteShard: (shardId) =>
      writing<ShardRow>(
        () =>
          partition.remove({ ...shard('deleteShard', shardId), isRepeatable: true }, (e) =>
            e.all(e.equal('position', SHARD_END), e.equal('owner', null)),
          ),
        shardRow,
      ),
  };
}

/** Stands for a session that a shard names but that has no row, so that it can never be created late. */
function tombstone(session: string): SessionRow {
  return { session, beat: 0, state: 'dead', maxShards: null, host: '', boot: '', pid: 0, version: '' };
}

function given(credentials: DynamodbOptions['credentials']) {
  if (credentials === null) return undefined;
  const { sessionToken, ...keys } = credentials;
  return sessionToken === null ? keys : { ...keys, sessionToken };
}
