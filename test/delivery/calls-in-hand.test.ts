// One handler call per shard of a thread, also over the coordinators that gave them out.

import { expect } from 'chai';
import { callsInHand } from '../../src/delivery/calls-in-hand.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('calls in hand', () => {
  it('lets in at once where no call goes on, and other shards beside one', async () => {
    const calls = callsInHand();
    await calls.enter('a');
    await calls.enter('b');
  });

  it('lets in one after the other, in the order in which they came', async () => {
    const calls = callsInHand();
    const order: string[] = [];
    const leaves: (() => void)[] = [];
    for (const name of ['first', 'second', 'third']) {
      void calls.enter('a').then((leave) => {
        order.push(name);
        leaves.push(leave);
      });
    }
    for (const expected of [['first'], ['first', 'second'], ['first', 'second', 'third']]) {
      await turn();
      expect(order).to.deep.equal(expected);
      leaves.shift()!();
    }
    await turn();
    await calls.enter('a');
  });
});
