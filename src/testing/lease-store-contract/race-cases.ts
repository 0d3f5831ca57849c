// Lease store contract: several writes at once. A condition and its effect are one step, so exactly one wins.

import assert from 'node:assert/strict';
import type { LeaseStore, WriteResult } from '../../model/lease-store.ts';
import { sequencePosition, SHARD_END } from '../../model/position.ts';
import type { CaseList } from './case-list.ts';
import {
  ALICE,
  beatWrite,
  BOB,
  LATE,
  markWrite,
  newShard,
  ownerWrite,
  sessionRow,
  SHARD,
  shardRow,
  takeWrite,
} from './rows.ts';
import { same } from './setting.ts';

/** Of the store at hand, or of several over the same rows. */
export type Racers = readonly LeaseStore[];
const ROUNDS = 10;

/** Exactly one was applied, and everybody got its row. */
export function hasOneWinner<Row>(results: readonly WriteResult<Row>[]): Row {
  const winners = results.filter(({ applied }) => applied);
  assert.equal(winners.length, 1, `${winners.length} of ${results.length} were applied`);
  for (const { row } of results) same(row, winners[0]!.row);
  return winners[0]!.row!;
}

const racers = (stores: Racers) =>
  Array.from({ length: 10 }, (_, i) => ({ store: stores[i % stores.length]!, me: `racer#${i}` }));

export const takeRace = async (stores: Racers): Promise<void> => {
  await stores[0]!.createShard(newShard());
  for (let seenToken = 0; seenToken < ROUNDS; seenToken += 1) {
    const token = seenToken + 1;
    const row = hasOneWinner(
      await Promise.all(
        racers(stores).map(({ store, me }) => store.take(takeWrite({ seenToken, me, token }))),
      ),
    );
    same(await stores.at(-1)!.readShard(SHARD), row);
    same(row, shardRow({ owner: row.owner, token, position: row.position }));
    const position = sequencePosition(`${token}`, 0);
    const released = await stores[0]!.release({ shardId: SHARD, me: row.owner!, token, position });
    assert.equal(released.applied, true);
  }
};

export const markRace = async (stores: Racers): Promise<void> => {
  await stores[0]!.createShard(newShard());
  await stores[0]!.take(takeWrite());
  const row = hasOneWinner(
    await Promise.all(racers(stores).map(({ store, me }) => store.mark(markWrite({ handOffTo: me })))),
  );
  same(await stores.at(-1)!.readShard(SHARD), row);
};

export const creationRace = async (stores: Racers): Promise<void> => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const shardId = `shard-${round}`;
    const created = racers(stores).map(({ store, me }) =>
      store.createShard(newShard({ shardId, startsAt: me })),
    );
    const row = hasOneWinner(await Promise.all(created));
    const replaced = racers(stores).map(({ store, me }) =>
      store.replaceShard({ ...newShard({ shardId, startsAt: `after ${me}` }), seenStartsAt: row.startsAt }),
    );
    assert.equal(hasOneWinner(await Promise.all(replaced)).token, 1);
    const session = `session#${round}`;
    const sessions = racers(stores).map(({ store, me }) =>
      store.createSession(sessionRow(session, { host: me })),
    );
    hasOneWinner(await Promise.all(sessions));
  }
};

export const beatRace = async (stores: Racers): Promise<void> => {
  const [one, other] = [stores[0]!, stores.at(-1)!];
  for (let round = 0; round < ROUNDS; round += 1) {
    const session = `session#${round}`;
    await one.createSession(sessionRow(session));
    const evict = () => other.evict({ session, beat: 0 });
    const beat = () => one.beat(beatWrite({ session }));
    const both = round % 2 === 0 ? [beat(), evict()] : [evict(), beat()];
    const applied = (await Promise.all(both)).filter((result) => result.applied);
    assert.equal(applied.length, 1, 'a beat and an eviction that did not see it were both applied');
    same(await one.readSession(session), applied[0]!.row);
  }
};

export const ownerRace = async (stores: Racers): Promise<void> => {
  const [one, other] = [stores[0]!, stores.at(-1)!];
  for (let round = 0; round < ROUNDS; round += 1) {
    const shardId = `shard-${round}`;
    await one.createShard(newShard({ shardId }));
    await one.take(takeWrite({ shardId }));
    const taken = takeWrite({ shardId, seenOwner: ALICE, seenToken: 1, me: BOB, token: 2 });
    const [kept, lost] = await Promise.all([
      one.checkpoint(ownerWrite({ shardId, position: LATE })),
      other.take(taken),
    ]);
    assert.equal(lost.applied, true);
    const position = kept.applied ? LATE : newShard().position;
    const row = shardRow({ shardId, owner: BOB, token: 2, position });
    // The taker starts where it was told, so nothing may be written after that.
    same(lost.row, row);
    same(await one.readShard(shardId), row);
    const late = await Promise.all([
      one.checkpoint(ownerWrite({ shardId, position: SHARD_END })),
      one.release(ownerWrite({ shardId, position: SHARD_END })),
      one.finish({ shardId, me: ALICE, token: 1 }),
    ]);
    for (const result of late) same(result, { applied: false, row });
  }
};

/** The last position wins, in whatever order they come. */
export const checkpointRace = async (stores: Racers): Promise<void> => {
  await stores[0]!.createShard(newShard());
  await stores[0]!.take(takeWrite());
  const positions = Array.from({ length: 40 }, (_, i) => sequencePosition(`${(i * 7) % 40}`, i));
  await Promise.all(
    positions.map((position, i) => stores[i % stores.length]!.checkpoint(ownerWrite({ position }))),
  );
  same(
    await stores[0]!.readShard(SHARD),
    shardRow({ owner: ALICE, token: 1, position: [...positions].sort().at(-1)! }),
  );
};

export const RACE_CASES: CaseList = {
  'ten takers at once: one wins': ({ store }) => takeRace([store]),
  'ten marks at once: one wins': ({ store }) => markRace([store]),
  'ten that create or replace at once: one wins': ({ store }) => creationRace([store]),
  'a beat and an eviction at once: one of them': ({ store }) => beatRace([store]),
  'a take and the owner before at once: nothing is written after the take': ({ store }) => ownerRace([store]),
  'forty checkpoints at once: the last position stays': ({ store }) => checkpointRace([store]),
};
