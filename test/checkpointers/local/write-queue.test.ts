// What waits together shares one transaction, each in its own right; a conflict is drawn up anew; nobody waits past its time.

import { expect } from 'chai';
import { createWriteQueue, type WriteQueueParts } from '../../../src/checkpointers/local/write-queue.ts';
import { LeaseStoreError } from '../../../src/model/lease-store.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { systemTimers } from '../../../src/platform/timers.ts';
import { rejection } from '../../support/until.ts';

const LONG_MS = 5_000;

function queueOn(parts: Partial<WriteQueueParts<string[]>>) {
  const commits: string[][] = [];
  const queue = createWriteQueue<string[]>({
    clock: systemClock,
    timers: systemTimers,
    random: () => 0,
    soon: () => new Promise((resolve) => setImmediate(resolve)),
    lock: { holder: () => null },
    draw: () => [],
    commit: async (draft) => commits.push(draft) > 0,
    toError: (cause) => new LeaseStoreError('unknown', String(cause), { cause }),
    ...parts,
  });
  const write = (name: string, withinMs = LONG_MS) => queue.run(withinMs, (draft) => draft.push(name));
  return { queue, commits, write };
}

const outcomeOf = async (write: Promise<unknown>): Promise<string> => {
  const error = (await rejection('the write', LONG_MS, write)) as LeaseStoreError;
  return error.outcome;
};

describe('write queue', () => {
  it('what is called in one turn, and what comes while a transaction is under way, share one each', async () => {
    const { queue, commits, write } = queueOn({});
    const first = ['a', 'b', 'c'].map((name) => write(name));
    await first[0];
    await Promise.all(['d', 'e'].map((name) => write(name)));
    expect(await Promise.all(first)).to.deep.equal([1, 2, 3]);
    expect(commits).to.deep.equal([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    await queue.idle();
  });

  it('many at once are cut into transactions of a bounded size', async () => {
    const { commits, write } = queueOn({});
    await Promise.all(Array.from({ length: 600 }, (_, n) => write(String(n))));
    expect(commits.map(({ length }) => length)).to.deep.equal([256, 256, 88]);
  });

  it('one that is refused with an error is rejected alone', async () => {
    const { queue, commits, write } = queueOn({});
    const bad = queue.run(LONG_MS, () => {
      throw new LeaseStoreError('not-applied', 'foreign');
    });
    const good = write('good');
    expect(await outcomeOf(bad)).to.equal('not-applied');
    await good;
    expect(commits).to.deep.equal([['good']]);
  });

  it('a conflict: all of it is decided anew, on what is there by then', async () => {
    let seen = 0;
    const { queue } = queueOn({ commit: async () => (seen += 1) > 3 });
    expect(await queue.run(LONG_MS, () => seen)).to.equal(3);
  });

  it('conflicts without an end: not applied, in time', async () => {
    const { write } = queueOn({ commit: async () => false, random: () => 0.5 });
    expect(await outcomeOf(write('a', 50))).to.equal('not-applied');
  });

  it('a transaction that fails is the failure of all in it, and of none that come later', async () => {
    let fails = true;
    const { write } = queueOn({
      commit: async () => {
        if (fails) throw new Error('disk on fire');
        return true;
      },
    });
    const outcomes = Promise.all([outcomeOf(write('a')), outcomeOf(write('b'))]);
    expect(await outcomes).to.deep.equal(['unknown', 'unknown']);
    fails = false;
    await write('c');
  });

  it('a disk that stands still: what is under way is unknown, what waits is not applied; later ones go through', async () => {
    let goOn: (() => void) | null = null;
    const { queue, write } = queueOn({
      commit: () => new Promise((resolve) => (goOn = () => resolve(true))),
    });
    const under = outcomeOf(write('a', 50));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const waits = outcomeOf(write('b', 20));
    expect(await Promise.all([under, waits])).to.deep.equal(['unknown', 'not-applied']);
    goOn!();
    await queue.idle();
    const later = write('c');
    await new Promise((resolve) => setTimeout(resolve, 10));
    goOn!();
    expect(await later).to.equal(1);
  });

  it('a lock whose holder goes on is waited for; one that stands still is not', async () => {
    let transaction = 0n;
    const moving = queueOn({ lock: { holder: () => ({ thread: 1, transaction: (transaction += 1n) }) } });
    await moving.write('a');
    let looks = 0;
    const still = queueOn({
      lock: { holder: () => ((looks += 1) < 4 ? { thread: 1, transaction: 1n } : null) },
    });
    await still.write('a');
    const stuck = queueOn({ lock: { holder: () => ({ thread: 1, transaction: 1n }) } });
    expect(await outcomeOf(stuck.write('a', 30))).to.equal('not-applied');
    await stuck.queue.idle();
    expect(stuck.commits).to.deep.equal([]);
  });
});
