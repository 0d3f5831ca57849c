// Delays, bells, deferred promises, pending replies: whoever waits is woken, once, and leaves nothing behind.

import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { encodeError, ShardpoolError } from '../../src/model/errors.ts';
import { createBell } from '../../src/platform/bell.ts';
import { deferred } from '../../src/platform/deferred.ts';
import { pendingReplies } from '../../src/platform/pending-replies.ts';
import { delay, settledWithin } from '../../src/platform/timers.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

describe('delay', () => {
  it('resolves after its time, and not before', async () => {
    const time = createVirtualTime();
    let done = false;
    void delay(time.timers, 100).then(() => (done = true));
    await time.advance(99);
    expect(done).to.equal(false);
    await time.advance(1);
    expect(done).to.equal(true);
  });

  it('resolves at once on an abort, and leaves neither timer nor listener', async () => {
    const time = createVirtualTime();
    const stop = new AbortController();
    const waiting = delay(time.timers, 100, stop.signal);
    stop.abort();
    await waiting;
    expect(time.pending()).to.equal(0);
    expect(getEventListeners(stop.signal, 'abort')).to.have.length(0);
    await delay(time.timers, 100, stop.signal);
    expect(time.pending()).to.equal(0);
  });

  it('leaves no listener behind when it ran out', async () => {
    const time = createVirtualTime();
    const stop = new AbortController();
    await time.settled(delay(time.timers, 100, stop.signal));
    expect(getEventListeners(stop.signal, 'abort')).to.have.length(0);
  });
});

describe('settledWithin', () => {
  it('tells whether a promise settled in time, either way, and keeps no timer', async () => {
    const time = createVirtualTime();
    expect(await settledWithin(time.timers, Promise.resolve(1), 100)).to.equal(true);
    expect(await settledWithin(time.timers, Promise.reject(new Error('no')), 100)).to.equal(true);
    expect(time.pending()).to.equal(0);
    const never = settledWithin(time.timers, new Promise(() => undefined), 100);
    expect(await time.settled(never)).to.equal(false);
    expect(time.clock.monotonic()).to.equal(100);
  });

  it('a rejection after the time stays with whoever made the promise', async () => {
    const time = createVirtualTime();
    const late = deferred();
    expect(await time.settled(settledWithin(time.timers, late.promise, 100))).to.equal(false);
    late.reject(new Error('late'));
    expect(await late.promise.catch((error: Error) => error.message)).to.equal('late');
  });
});

describe('bell', () => {
  it('wakes at its time or at a ring, whichever is first', async () => {
    const time = createVirtualTime();
    const bell = createBell(time.timers);
    const first = bell.wait(100);
    await time.settled(first);
    expect(time.clock.monotonic()).to.equal(100);
    const second = bell.wait(100);
    bell.ring();
    await second;
    expect(time.clock.monotonic()).to.equal(100);
    expect(time.pending()).to.equal(0);
  });

  it('a ring that nobody waits for is kept for the next wait, once', async () => {
    const time = createVirtualTime();
    const bell = createBell(time.timers);
    bell.ring();
    bell.ring();
    await bell.wait(100);
    expect(time.clock.monotonic()).to.equal(0);
    await time.settled(bell.wait(100));
    expect(time.clock.monotonic()).to.equal(100);
  });
});

describe('deferred', () => {
  it('settles from outside, once', async () => {
    const good = deferred<number>();
    good.resolve(1);
    good.resolve(2);
    expect(await good.promise).to.equal(1);
    const bad = deferred();
    bad.reject(new Error('no'));
    bad.resolve();
    expect(await bad.promise.catch((error: Error) => error.message)).to.equal('no');
  });
});

describe('pending replies', () => {
  it('gives each question its own answer, in any order', async () => {
    const replies = pendingReplies<string>();
    const ids: number[] = [];
    const asked = [1, 2].map(() => replies.ask((id) => ids.push(id)));
    expect(new Set(ids).size).to.equal(2);
    replies.settle(ids[1]!, 'second', null);
    replies.settle(ids[0]!, 'first', null);
    expect(await Promise.all(asked)).to.deep.equal(['first', 'second']);
  });

  it('rejects with the error of the other side, code and all', async () => {
    const replies = pendingReplies<string>();
    const asked = replies.ask((id) =>
      queueMicrotask(() => replies.settle(id, null, encodeError(new ShardpoolError('ERR_TIMEOUT', 'late')))),
    );
    const error = await asked.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ShardpoolError).and.to.include({ code: 'ERR_TIMEOUT', message: 'late' });
  });

  it('ignores answers that nobody waits for', () => {
    const replies = pendingReplies<string>();
    replies.settle(99, 'nobody', null);
    replies.settle(99, null, encodeError(new Error('nobody')));
  });

  it('when the other side is gone, nobody waits for ever: neither those who asked nor those who ask', async () => {
    const replies = pendingReplies<string>();
    const before = replies.ask(() => undefined).catch((error: Error) => error.message);
    replies.rejectAll(new Error('gone'));
    let sent = false;
    const after = replies.ask(() => (sent = true)).catch((error: Error) => error.message);
    expect(await Promise.all([before, after])).to.deep.equal(['gone', 'gone']);
    expect(sent).to.equal(false);
  });
});
