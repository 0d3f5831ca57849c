// Waiting for everybody to say that it is drained.

import { expect } from 'chai';
import { type Draining, draining } from '../../src/coordinator/draining.ts';

async function isDone(waiting: Draining): Promise<boolean> {
  let done = false;
  void waiting.done.then(() => (done = true));
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('draining', () => {
  it('is done once all that were expected have answered; late handlers add up', async () => {
    const waiting = draining();
    waiting.expect([0, 1]);
    waiting.drained(0, 2);
    expect(await isDone(waiting)).to.equal(false);
    waiting.drained(1, 1);
    expect(await isDone(waiting)).to.equal(true);
    expect(waiting.late).to.equal(3);
  });

  it('an answer that came before the question counts', async () => {
    const waiting = draining();
    waiting.drained(0, 1);
    expect(await isDone(waiting)).to.equal(false);
    waiting.expect([0]);
    expect(await isDone(waiting)).to.equal(true);
  });

  it('does not wait for who is gone, nor for anybody when nobody is expected', async () => {
    const waiting = draining();
    waiting.expect([0, 1]);
    waiting.gone(1);
    waiting.drained(0, 0);
    expect(await isDone(waiting)).to.equal(true);
    const nobody = draining();
    nobody.expect([]);
    expect(await isDone(nobody)).to.equal(true);
  });

  it('a death before the question does not count: another one may have its number by then', async () => {
    const waiting = draining();
    waiting.gone(0);
    waiting.expect([0]);
    expect(await isDone(waiting)).to.equal(false);
    expect(waiting.missing).to.deep.equal([0]);
    waiting.drained(0, 0);
    expect(await isDone(waiting)).to.equal(true);
  });

  it('names those that have not answered', () => {
    const waiting = draining();
    expect(waiting.missing).to.deep.equal([]);
    waiting.expect([0, 1, 2]);
    waiting.drained(1, 0);
    expect(waiting.missing).to.deep.equal([0, 2]);
  });

  it('counts who has not answered as late: a handler that blocks its thread cannot say so', () => {
    const waiting = draining();
    waiting.expect([0, 1]);
    waiting.drained(0, 0);
    expect(waiting.late).to.equal(1);
    waiting.drained(1, 2);
    expect(waiting.late).to.equal(2);
  });
});
