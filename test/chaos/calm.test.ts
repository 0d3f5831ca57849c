// What must be so when nothing disturbs a fleet any more, and what must be left after it stopped.

import { expect } from 'chai';
import type { SessionRow, ShardRow } from '../../src/model/lease-store.ts';
import { SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';
import { leftovers, unrest } from './calm.ts';

const session = (id: string, state: SessionRow['state'] = 'live'): SessionRow => ({
  session: id,
  beat: 1,
  state,
  maxShards: null,
  host: 'h',
  boot: '',
  pid: 1,
  version: '0',
});
const row = (shardId: string, owner: string | null, changes: Partial<ShardRow> = {}): ShardRow => ({
  shardId,
  startsAt: '1',
  parents: [],
  position: TRIM_HORIZON,
  owner,
  token: 1,
  handOffTo: null,
  ...changes,
});
const shard = (shardId: string, isOpen = true): Shard => ({
  shardId,
  parentShardId: null,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '1',
  startingSequenceNumber: '1',
  endingSequenceNumber: isOpen ? null : '2',
});

const SESSIONS = [session('a#1'), session('b#1')];
const SHARDS = [shard('s0', false), shard('s1'), shard('s2'), shard('s3')];
const ROWS = [row('s0', null, { position: SHARD_END }), row('s1', 'a#1'), row('s2', 'b#1'), row('s3', 'a#1')];
const changed = (i: number, changes: Partial<ShardRow>) =>
  ROWS.map((each, j) => (i === j ? { ...each, ...changes } : each));

describe('the calm after a storm', () => {
  it('is there when all open shards are read, evenly, by the instances that are there', () => {
    expect(unrest({ sessions: SESSIONS, shards: ROWS }, SHARDS, ['b', 'a'])).to.deep.equal([]);
  });

  const cases: readonly (readonly [string, readonly SessionRow[], readonly ShardRow[]])[] = [
    ['an instance without a session', [SESSIONS[0]!], changed(2, { owner: 'a#1' })],
    ['two sessions of one instance', [...SESSIONS, session('a#2')], ROWS],
    ['the row of a dead session', [...SESSIONS, session('c#1', 'dead')], ROWS],
    ['an open shard without owner', SESSIONS, changed(1, { owner: null })],
    ['an owner that is no live session', SESSIONS, changed(1, { owner: 'c#1' })],
    ['a closed shard that is not at its end', SESSIONS, changed(0, { position: TRIM_HORIZON })],
    ['a closed shard that is owned', SESSIONS, changed(0, { owner: 'a#1' })],
    ['a hand-off that goes on', SESSIONS, changed(1, { handOffTo: 'b#1' })],
    ['an uneven spread', SESSIONS, changed(2, { owner: 'a#1' })],
    ['a shard without a row', SESSIONS, ROWS.slice(0, 3)],
  ];
  for (const [what, sessions, shards] of cases) {
    it(`is not there with ${what}`, () => {
      expect(unrest({ sessions, shards }, SHARDS, ['a', 'b'])).not.to.be.empty;
    });
  }

  it('leaves no owner and no live session behind', () => {
    expect(leftovers({ sessions: [session('a#1', 'ended')], shards: [row('s1', null)] })).to.deep.equal([]);
    expect(leftovers({ sessions: [session('a#1', 'draining')], shards: [row('s1', 'a#1')] })).to.have.length(
      2,
    );
  });
});
