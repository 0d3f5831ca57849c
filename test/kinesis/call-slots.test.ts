import { expect } from 'chai';
import { createCallSlots } from '../../src/kinesis/call-slots.ts';

const { signal } = new AbortController();

describe('kinesis/call-slots', () => {
  it('lets in as many as there are slots, and the others in their order', async () => {
    const slots = createCallSlots(2);
    const entered: number[] = [];
    const back = await slots.take(signal);
    await slots.take(signal);
    const waiting = [1, 2].map(async (n) => {
      const leave = await slots.take(signal);
      entered.push(n);
      leave();
    });
    await new Promise(setImmediate);
    expect(entered).to.deep.equal([]);
    back();
    await Promise.all(waiting);
    expect(entered).to.deep.equal([1, 2]);
  });

  it('a slot given back twice is one slot', async () => {
    const slots = createCallSlots(1);
    const back = await slots.take(signal);
    back();
    back();
    await slots.take(signal);
    let entered = false;
    void slots.take(signal).then(() => (entered = true));
    await new Promise(setImmediate);
    expect(entered).to.equal(false);
  });

  it('passes over who has gone', async () => {
    const slots = createCallSlots(1);
    const back = await slots.take(signal);
    const gone = new AbortController();
    void slots.take(gone.signal).then(() => expect.fail('it has gone'));
    const next = slots.take(signal);
    gone.abort();
    back();
    await next;
  });
});
