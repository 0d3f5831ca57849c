// The end of a coordinator: the order of its steps, and what it does about threads that do not answer.

import { expect } from 'chai';
import { draining } from '../../src/coordinator/draining.ts';
import { type ShutDownParts, shutDown } from '../../src/coordinator/shutdown.ts';
import { at } from '../fakes/batches.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

function setUp({ hosts = [0, 1], receivers = [0, 1] } = {}) {
  const time = createVirtualTime();
  const log: string[] = [];
  const fetchersDrained = draining();
  const receiversDrained = draining();
  const note = (what: string) => () => void log.push(what);
  const noteAsync = (what: string) => async () => void log.push(what);
  const parts = {
    drainMs: 5_000,
    clock: time.clock,
    timers: time.timers,
    pool: {
      all: hosts,
      broadcast: ({ type }: { readonly type: string }) => log.push(`threads: ${type}`),
      kill(host: number) {
        log.push(`kill ${host}`);
        fetchersDrained.gone(host);
      },
      destroy: noteAsync('pool destroyed'),
    },
    leasing: {
      drain: note('leasing drains'),
      rested: Promise.resolve(),
      async leave() {
        log.push('left');
        return [['a', at(3)]];
      },
    },
    assignments: { drain: note('assignments drain') },
    fetchersDrained,
    receiversDrained,
    loopsEnded: Promise.resolve(),
    receivers: {
      ready: receivers,
      broadcast: ({ type }: { readonly type: string }) => log.push(`receivers: ${type}`),
    },
    api: { close: note('api closed') },
  };
  const outcome = shutDown(parts as unknown as ShutDownParts);
  return { time, log, fetchersDrained, receiversDrained, outcome };
}

describe('shutdown', () => {
  it('drains the threads before the receivers, leaves when both have rested, and ends the threads last', async () => {
    const { time, log, fetchersDrained, receiversDrained, outcome } = setUp();
    for (const host of [0, 1]) fetchersDrained.drained(host, 0);
    await time.until(() => log.includes('receivers: drain'));
    for (const receiver of [0, 1]) receiversDrained.drained(receiver, 0);
    expect(await time.settled(outcome)).to.deep.equal({ late: 0, positions: [['a', at(3)]] });
    expect(log).to.deep.equal([
      'leasing drains',
      'assignments drain',
      'threads: drain',
      'receivers: drain',
      'left',
      'threads: end',
      'pool destroyed',
      'receivers: end',
      'api closed',
    ]);
    expect(time.clock.monotonic()).to.equal(0);
    expect(time.pending()).to.equal(0);
  });

  it('ends exactly the fetch threads that do not answer within a second, before the receivers are asked', async () => {
    const { time, log, fetchersDrained, receiversDrained, outcome } = setUp();
    fetchersDrained.drained(1, 0);
    await time.until(() => log.includes('receivers: drain'));
    expect(log.filter((each) => each.startsWith('kill'))).to.deep.equal(['kill 0']);
    expect(log.indexOf('kill 0')).to.be.below(log.indexOf('receivers: drain'));
    expect(time.clock.monotonic()).to.equal(1_000);
    for (const receiver of [0, 1]) receiversDrained.drained(receiver, 0);
    expect((await time.settled(outcome)).late).to.equal(0);
  });

  it('aborts what is late at the deadline, counted from the start, and counts who does not answer even then', async () => {
    const { time, log, receiversDrained, outcome } = setUp();
    await time.until(() => log.includes('receivers: abort'));
    expect(time.clock.monotonic()).to.equal(5_000);
    receiversDrained.drained(0, 2);
    expect((await time.settled(outcome)).late).to.equal(3);
    expect(time.clock.monotonic()).to.equal(6_000);
    expect(log).to.include.members(['left', 'pool destroyed', 'api closed']);
    expect(time.pending()).to.equal(0);
  });

  it('does not wait for a receiver that dies meanwhile, nor for any where there is none', async () => {
    const dying = setUp({ hosts: [] });
    await dying.time.until(() => dying.log.includes('receivers: drain'));
    dying.receiversDrained.gone(0);
    dying.receiversDrained.drained(1, 0);
    await dying.time.settled(dying.outcome);
    const none = setUp({ hosts: [], receivers: [] });
    await none.time.settled(none.outcome);
    expect([dying, none].map(({ time }) => time.clock.monotonic())).to.deep.equal([0, 0]);
  });
});
