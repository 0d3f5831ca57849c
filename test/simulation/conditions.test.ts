// The simulated store against the memory store, and the conditions that random schedules meet too rarely.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import type { SessionRow, WriteResult } from '../../src/model/lease-store.ts';
import { type Position, sequencePosition, SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import { integerFrom, oneOf, type Random, seededRandom } from '../fakes/random.ts';
import { createRows, type Row, type Write } from './rows.ts';
import { createServer } from './server.ts';
import { createTrueTime } from './true-time.ts';

const SESSIONS = ['a#1', 'a#2', 'b#1'];
const SHARDS = ['s-0', 's-1'];
const POSITIONS: readonly Position[] = [
  TRIM_HORIZON,
  sequencePosition('7', 0),
  sequencePosition('12', 0),
  SHARD_END,
];

function sessionRow(session: string): SessionRow {
  return { session, beat: 0, state: 'live', maxShards: null, host: 'h', boot: '', pid: 1, version: '1' };
}

function anyWrite(random: Random): Write {
  const session = oneOf(random, SESSIONS);
  const shardId = oneOf(random, SHARDS);
  const token = integerFrom(random, 0, 3);
  const owner = oneOf(random, [null, ...SESSIONS]);
  const position = oneOf(random, POSITIONS);
  const beat = integerFrom(random, 0, 3);
  const writes: readonly Write[] = [
    { name: 'createSession', write: sessionRow(session) },
    {
      name: 'beat',
      write: { session, beat, state: oneOf(random, ['live', 'draining'] as const), maxShards: null },
    },
    { name: 'end', write: session },
    { name: 'evict', write: { session, beat: random() < 0.3 ? null : beat } },
    { name: 'deleteSession', write: session },
    { name: 'createShard', write: { shardId, startsAt: '1', parents: [], position } },
    {
      name: 'take',
      write: {
        shardId,
        seenOwner: owner,
        seenToken: token,
        me: session,
        token: token + 1,
        salvage: random() < 0.3 ? position : null,
      },
    },
    {
      name: 'mark',
      write: {
        shardId,
        seenOwner: owner,
        seenToken: token,
        seenHandOffTo: oneOf(random, [null, ...SESSIONS]),
        handOffTo: oneOf(random, [null, ...SESSIONS]),
      },
    },
    { name: 'checkpoint', write: { shardId, me: session, token, position } },
    { name: 'release', write: { shardId, me: session, token, position } },
    { name: 'finish', write: { shardId, me: session, token } },
    { name: 'deleteShard', write: shardId },
  ];
  return oneOf(random, writes);
}

describe('simulated store', () => {
  it('answers every write as the memory store does', async () => {
    const random = seededRandom(20);
    let applied = 0;
    for (let round = 0; round < 40; round += 1) {
      const memory = createMemoryLeaseStore();
      const rows = createRows(
        () => 0,
        { onShard: () => undefined, onRev: () => rows.bumpRev(), isQuiet: () => false, lowestToken: () => 0 },
        new Set(),
      );
      const app: Write = {
        name: 'createApp',
        write: { schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON },
      };
      for (let i = 0; i < 150; i += 1) {
        const by = i === 0 ? app : anyWrite(random);
        const call = memory[by.name] as (write: Write['write']) => Promise<WriteResult<Row>>;
        const real = await call(by.write);
        expect(rows.write(by), JSON.stringify(by)).to.deep.equal(real);
        if (real.applied) applied += 1;
      }
      const all = await memory.readAll();
      expect({ app: rows.app(), sessions: rows.sessions(), shards: rows.shards() }).to.deep.equal({
        app: all.app,
        sessions: all.sessions,
        shards: all.shards,
      });
    }
    expect(applied).to.be.greaterThan(800);
  });

  it('refuses takes and evictions while it is quiet, and nothing else', async () => {
    const time = createTrueTime();
    const server = createServer({
      time,
      flavour: 'redis',
      leaseDurationMs: 10_000,
      mutations: new Set(),
      onShard: () => undefined,
      onRev: () => undefined,
    });
    const take: Extract<Write, { name: 'take' }> = {
      name: 'take',
      write: { shardId: 's-0', seenOwner: null, seenToken: 0, me: 'a#1', token: 9, salvage: null },
    };
    server.write({ name: 'createSession', write: sessionRow('b#1') });
    server.write({
      name: 'createShard',
      write: { shardId: 's-0', startsAt: '1', parents: [], position: TRIM_HORIZON },
    });
    await time.run(5_000);
    server.failOver(0, 0);
    await time.run(20_000);
    // The first call begins the quiet period, however late it comes.
    expect(server.write({ name: 'evict', write: { session: 'b#1', beat: 0 } }).applied).to.equal(false);
    expect(server.write(take).applied).to.equal(false);
    const beat: Write = { name: 'beat', write: { session: 'b#1', beat: 1, state: 'live', maxShards: null } };
    expect(server.write(beat).applied).to.equal(true);
    expect(server.readTick(Infinity).quiet).to.equal(true);
    await time.run(35_001);
    const { quiet, tokenFloor } = server.readTick(Infinity);
    expect(quiet).to.equal(false);
    expect(server.write(take).applied, 'planned before').to.equal(false);
    const planned: Write = { name: 'take', write: { ...take.write, token: tokenFloor + 1 } };
    expect(server.write(planned).applied).to.equal(true);
  });

  it('forgets what came after a moment, and shows reads of the past', async () => {
    const time = createTrueTime();
    const rows = createRows(
      () => time.now,
      { onShard: () => undefined, onRev: () => undefined, isQuiet: () => false, lowestToken: () => 0 },
      new Set(),
    );
    rows.write({ name: 'createSession', write: sessionRow('a#1') });
    await time.run(1_000);
    rows.write({ name: 'beat', write: { session: 'a#1', beat: 1, state: 'live', maxShards: null } });
    rows.write({ name: 'createSession', write: sessionRow('b#1') });
    expect(rows.sessions(500)).to.deep.equal([sessionRow('a#1')]);
    expect(rows.sessions()).to.have.length(2);
    rows.forgetSince(500);
    expect(rows.sessions()).to.deep.equal([sessionRow('a#1')]);
  });
});
