// The owner's side of a hand-off: drained, given back in one write, called off, or cut short by its deadline.

import { expect } from 'chai';
import { createHandOffs, type HandOffs } from '../../src/coordinator/hand-offs.ts';
import type { SessionRow } from '../../src/model/lease-store.ts';
import { sequencePosition } from '../../src/model/position.ts';
import { LeaseTableHarness } from './lease-table-harness.ts';

const DEADLINE_MS = 30_000;
const OTHER = 'other#1';

describe('hand-offs', () => {
  let leases: LeaseTableHarness;
  let handOffs: HandOffs;
  let said: string[];
  let sessions: { session: string; state: SessionRow['state'] }[];

  beforeEach(async () => {
    leases = new LeaseTableHarness();
    said = [];
    sessions = [
      { session: 'me#1', state: 'live' },
      { session: OTHER, state: 'live' },
    ];
    handOffs = createHandOffs({
      timers: leases.time.timers,
      drainDeadlineMs: DEADLINE_MS,
      leases: leases.table,
      drain: ({ shardId }) => said.push(`drain ${shardId}`),
      abort: ({ shardId }) => said.push(`abort ${shardId}`),
      resume: ({ shardId }) => said.push(`resume ${shardId}`),
      onError: (error) => said.push(String(error)),
    });
    await leases.holding();
  });

  const mark = async (handOffTo: string | null) => {
    const row = await leases.row();
    await leases.truth.mark({
      shardId: 's',
      seenOwner: row.owner,
      seenToken: row.token,
      seenHandOffTo: row.handOffTo,
      handOffTo,
    });
    await look();
  };

  const look = async () => {
    handOffs.look([await leases.row()], sessions as SessionRow[], 'me#1');
    await leases.settle();
  };

  it('a marked shard is drained once, and given back when nothing of it is in hand', async () => {
    await mark(OTHER);
    await look();
    expect(said).to.deep.equal(['drain s']);
    expect((await leases.row()).owner).to.equal('me#1');
    const upTo = sequencePosition('5', 0);
    leases.table.acked('s', 1, upTo);
    handOffs.drained('s', 1);
    await leases.settle();
    expect(await leases.row()).to.include({ owner: null, position: upTo, handOffTo: OTHER });
    expect(leases.givenBack).to.deep.equal(['s']);
    expect(leases.table.held.size).to.equal(0);
    await leases.settle(DEADLINE_MS + 1);
    expect(said).to.deep.equal(['drain s']);
  });

  it('what is in hand for too long is aborted, and the shard given back at what is acked', async () => {
    await mark(OTHER);
    const upTo = sequencePosition('5', 0);
    leases.table.acked('s', 1, upTo);
    await leases.settle(DEADLINE_MS - 1);
    expect(said).to.deep.equal(['drain s']);
    await leases.settle(1);
    expect(said).to.deep.equal(['drain s', 'abort s']);
    expect(await leases.row()).to.include({ owner: null, position: upTo });
  });

  for (const [title, change] of [
    ['a mark that is taken back', () => mark(null)],
    [
      'a taker that died',
      () => {
        sessions[1]!.state = 'dead';
        return look();
      },
    ],
    [
      'a taker that stops itself',
      () => {
        sessions[1]!.state = 'draining';
        return look();
      },
    ],
    [
      'a taker that is not there',
      () => {
        sessions.pop();
        return look();
      },
    ],
  ] as const) {
    it(`${title}: it is read on here`, async () => {
      await mark(OTHER);
      await change();
      expect(said).to.deep.equal(['drain s', 'resume s']);
      expect(leases.table.held.get('s')!.state).to.equal('running');
      handOffs.drained('s', 1);
      await leases.settle(DEADLINE_MS + 1);
      expect(said).to.deep.equal(['drain s', 'resume s']);
      expect((await leases.row()).owner).to.equal('me#1');
    });
  }

  it('a mark for oneself, and one in a row of before the take, are nothing', async () => {
    await mark('me#1');
    const row = await leases.row();
    handOffs.look([{ ...row, token: 0, handOffTo: OTHER }], sessions as SessionRow[], 'me#1');
    handOffs.look([{ ...row, owner: 'me#0', handOffTo: OTHER }], sessions as SessionRow[], 'me#1');
    expect(said).to.deep.equal([]);
  });

  it('a shard that is lost while it drains is given back by nobody', async () => {
    await mark(OTHER);
    leases.lose();
    handOffs.drained('s', 1);
    await leases.settle(DEADLINE_MS + 1);
    expect((await leases.row()).owner).to.equal('me#1');
    expect(leases.givenBack).to.deep.equal([]);
  });

  it('a shard whose end is done while it drains is finished instead', async () => {
    await mark(OTHER);
    leases.table.acked('s', 1, '2:SHARD_END' as never);
    handOffs.drained('s', 1);
    await leases.settle(DEADLINE_MS + 1);
    expect(leases.done).to.deep.equal(['s']);
    expect(leases.givenBack).to.deep.equal([]);
    expect(await leases.row()).to.include({ owner: null, position: '2:SHARD_END', handOffTo: null });
  });

  it('a release without an answer is repeated until it has one, and found done', async () => {
    await mark(OTHER);
    leases.store.failNext('release', 'lose-request');
    leases.store.failNext('release', 'lose-reply');
    handOffs.drained('s', 1);
    await leases.settle(2_000);
    expect(leases.givenBack).to.deep.equal(['s']);
    expect(leases.lost).to.deep.equal([]);
    expect((await leases.row()).owner).to.equal(null);
  });

  it('a release that is refused at once says that the lease was lost', async () => {
    await mark(OTHER);
    await leases.stolen();
    handOffs.drained('s', 1);
    await leases.settle();
    expect(leases.givenBack).to.deep.equal([]);
    expect(leases.lost.map(({ shardId }) => shardId)).to.deep.equal(['s']);
  });

  it('after a stop began nothing is aborted and nothing kept', async () => {
    await mark(OTHER);
    handOffs.close();
    leases.table.drain();
    await mark(null);
    await leases.settle(DEADLINE_MS + 1);
    expect(said).to.deep.equal(['drain s']);
  });
});
