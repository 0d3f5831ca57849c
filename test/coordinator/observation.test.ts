// Who is overdue: what this instance saw unchanged for a lease duration, on its own clock.

import { expect } from 'chai';
import { createObservation, type Sighting } from '../../src/coordinator/observation.ts';
import type { SessionRow, SessionState } from '../../src/model/lease-store.ts';

const LEASE_MS = 10_000;

function row(session: string, beat: number, state: SessionState = 'live'): SessionRow {
  return { session, beat, state, maxShards: null, host: 'h', boot: 'b', pid: 1, version: '0' };
}

function setUp() {
  const observation = createObservation(LEASE_MS);
  /** A read whose answer came at once, unless `changes` says when it was asked for. */
  const look = (answeredAt: number, sessions: readonly SessionRow[], changes: Partial<Sighting> = {}) =>
    observation.see({
      sessions,
      named: [],
      me: 'me',
      quiet: false,
      askedAt: answeredAt,
      answeredAt,
      ...changes,
    });
  return { observation, look };
}

describe('observation', () => {
  it('a session whose beat did not change for a lease duration is overdue, and stays so', () => {
    const { look } = setUp();
    for (let at = 500; at < 500 + LEASE_MS; at += 1_000) {
      expect(look(at, [row('other', 7)]).overdue).to.deep.equal([]);
    }
    for (const at of [500 + LEASE_MS, 12_000]) {
      expect(look(at, [row('other', 7)]).overdue).to.deep.equal([{ session: 'other', beat: 7 }]);
    }
  });

  it('one that is leaving is watched like any other', () => {
    const { look } = setUp();
    look(0, [row('other', 7, 'draining')]);
    expect(look(LEASE_MS, [row('other', 7, 'draining')]).overdue).to.have.length(1);
  });

  it('any other beat begins anew, a lower one too', () => {
    for (const beat of [8, 6]) {
      const { look } = setUp();
      look(0, [row('other', 7)]);
      look(LEASE_MS - 1, [row('other', beat)]);
      expect(look(2 * LEASE_MS - 2, [row('other', beat)]).overdue, `${beat}`).to.deep.equal([]);
      expect(look(2 * LEASE_MS - 1, [row('other', beat)]).overdue).to.deep.equal([
        { session: 'other', beat },
      ]);
    }
  });

  it('a beat that comes back after another one begins anew', () => {
    const { look } = setUp();
    look(0, [row('other', 7)]);
    look(5_000, [row('other', 8)]);
    look(6_000, [row('other', 7)]);
    expect(look(15_999, [row('other', 7)]).overdue).to.deep.equal([]);
  });

  it('its own session is never overdue, nor removable, with a row or without', () => {
    for (const sessions of [[row('me', 7)], [row('me', 7, 'dead')], []]) {
      const { look } = setUp();
      look(0, sessions, { named: ['me'] });
      expect(look(2 * LEASE_MS, sessions, { named: ['me'] })).to.deep.equal({ overdue: [], removable: [] });
      expect(look(3 * LEASE_MS, sessions)).to.deep.equal({ overdue: [], removable: [] });
    }
  });

  it('one that shard rows name and that has no row is overdue after the same time', () => {
    const { look } = setUp();
    look(0, [], { named: ['gone', 'gone'] });
    expect(look(LEASE_MS - 1, [], { named: ['gone'] }).overdue).to.deep.equal([]);
    expect(look(LEASE_MS, [], { named: ['gone', 'gone'] }).overdue).to.deep.equal([
      { session: 'gone', beat: null },
    ]);
  });

  it('a row that a read lacked for once begins anew, and so does one that was absent before', () => {
    const { look } = setUp();
    const named = ['other'];
    look(0, [row('other', 7)], { named });
    look(9_000, [], { named });
    look(9_500, [row('other', 7)], { named });
    expect(look(19_499, [row('other', 7)], { named }).overdue).to.deep.equal([]);
    expect(look(19_500, [row('other', 7)], { named }).overdue).to.deep.equal([{ session: 'other', beat: 7 }]);
  });

  it('what is neither in the sessions nor in the shards is forgotten', () => {
    const { look } = setUp();
    look(0, [row('other', 7), row('over', 1, 'ended')], { named: ['gone'] });
    look(5_000, []);
    const { overdue, removable } = look(LEASE_MS, [row('other', 7), row('over', 1, 'ended')], {
      named: ['gone'],
    });
    expect([overdue, removable]).to.deep.equal([[], []]);
  });

  it('an answer that waited while the process was stopped proves nothing; the next read does', () => {
    const { look } = setUp();
    look(0, [row('other', 7)]);
    look(1_000, [row('other', 7)]);
    // Asked for at 2 s, stopped until 32 s: the store answered long ago.
    expect(look(32_000, [row('other', 7)], { askedAt: 2_000 }).overdue).to.deep.equal([]);
    expect(look(32_010, [row('other', 9)], { askedAt: 32_001 }).overdue).to.deep.equal([]);
    expect(look(42_009, [row('other', 9)]).overdue).to.deep.equal([]);
  });

  it('counts from the answer that showed the beat first, not from its asking', () => {
    const { look } = setUp();
    look(4_000, [row('other', 7)], { askedAt: 0 });
    expect(look(13_999, [row('other', 7)]).overdue).to.deep.equal([]);
    expect(look(14_000, [row('other', 7)]).overdue).to.have.length(1);
  });

  it('notices a death although every read takes longer than half a lease duration', () => {
    const { look } = setUp();
    const overdue = [0, 6_000, 12_000, 18_000].map(
      (askedAt) => look(askedAt + 5_500, [row('other', 7)], { askedAt }).overdue.length,
    );
    expect(overdue).to.deep.equal([0, 0, 0, 1]);
  });

  it('judges nobody while the store is quiet, and watches anew after it', () => {
    const { look } = setUp();
    const sessions = [row('other', 7), row('over', 1, 'dead')];
    look(0, sessions, { named: ['gone'] });
    expect(look(LEASE_MS, sessions, { named: ['gone'], quiet: true })).to.deep.equal({
      overdue: [],
      removable: [],
    });
    look(LEASE_MS + 1_000, sessions, { named: ['gone'] });
    const { overdue, removable } = look(2 * LEASE_MS + 999, sessions, { named: ['gone'] });
    expect([overdue, removable]).to.deep.equal([[], []]);
    expect(look(2 * LEASE_MS + 1_000, sessions, { named: ['gone'] }).overdue).to.have.length(2);
  });

  it('the row of a session that is over may go after a lease duration, unless a shard names it', () => {
    const { look } = setUp();
    const sessions = [row('ended', 3, 'ended'), row('dead', 3, 'dead'), row('named', 3, 'dead')];
    const named = ['named'];
    look(0, [row('ended', 3), row('dead', 3), row('named', 3)], { named });
    look(1_000, sessions, { named });
    expect(look(LEASE_MS + 999, sessions, { named })).to.deep.equal({ overdue: [], removable: [] });
    expect(look(LEASE_MS + 1_000, sessions, { named })).to.deep.equal({
      overdue: [],
      removable: ['ended', 'dead'],
    });
    expect(look(LEASE_MS + 2_000, sessions).removable).to.deep.equal(['ended', 'dead', 'named']);
  });

  it('a new session of its own watches anew', () => {
    const { observation, look } = setUp();
    look(0, [row('other', 7)]);
    observation.reset();
    expect(look(LEASE_MS, [row('other', 7)]).overdue).to.deep.equal([]);
  });
});
