// Calling the handler until it succeeds.

import { expect } from 'chai';
import { type RunnerParts, runUntilDone } from '../../src/delivery/handler-runner.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { ThreadEvent } from '../../src/protocol.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

function setUp() {
  const time = createVirtualTime();
  const events: ThreadEvent[] = [];
  const parts: RunnerParts = {
    timers: time.timers,
    random: () => 1,
    minDelayMs: 100,
    maxDelayMs: 400,
    emit: (event) => events.push(event),
  };
  const stop = new AbortController();
  return { time, events, parts, stop, subject: { shardId: 's', records: 3 } };
}

describe('handler runner', () => {
  it('counts attempts from 1 and doubles the pause up to its limit', async () => {
    const { time, events, parts, stop, subject } = setUp();
    const startedAt: number[] = [];
    const run = runUntilDone(parts, subject, stop.signal, async (attempt) => {
      startedAt.push(time.clock.monotonic());
      if (attempt < 6) throw new ShardpoolError('ERR_CONNECTION', `attempt ${attempt}`);
      return 'done';
    });
    expect(await time.settled(run)).to.equal('done');
    expect(startedAt).to.deep.equal([0, 100, 300, 700, 1_100, 1_500]);
    expect(events.map((event) => 'attempt' in event && event.attempt)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(events[0]).to.deep.include({ name: 'handler:failed', shardId: 's', records: 3, delayMs: 100 });
    expect('error' in events[0]! && events[0].error).to.include({
      code: 'ERR_CONNECTION',
      message: 'attempt 1',
    });
  });

  it('reports what is thrown even when it is no error', async () => {
    const { time, events, parts, stop, subject } = setUp();
    const run = runUntilDone(parts, subject, stop.signal, async (attempt) => {
      // oxlint-disable-next-line typescript/only-throw-error
      if (attempt === 1) throw 'just a string';
      return 'done';
    });
    await time.settled(run);
    expect('error' in events[0]! && events[0].error?.message).to.equal('just a string');
  });

  it('does not call when it is aborted before', async () => {
    const { parts, stop, subject } = setUp();
    stop.abort();
    let called = false;
    const outcome = await runUntilDone(parts, subject, stop.signal, async () => {
      called = true;
      return 'done';
    });
    expect({ outcome, called }).to.deep.equal({ outcome: 'aborted', called: false });
  });

  it('a call that ends after the abort does not count, whether well or badly', async () => {
    for (const fails of [false, true]) {
      const { events, parts, stop, subject } = setUp();
      const outcome = await runUntilDone(parts, subject, stop.signal, async () => {
        stop.abort();
        if (fails) throw new Error('too late');
        return 'done';
      });
      expect(outcome).to.equal('aborted');
      expect(events).to.deep.equal([]);
    }
  });

  it('an abort ends the pause at once and leaves no timer behind', async () => {
    const { time, parts, stop, subject } = setUp();
    const run = runUntilDone(parts, subject, stop.signal, () => Promise.reject(new Error('no')));
    await time.advance(50);
    stop.abort();
    expect(await run).to.equal('aborted');
    expect(time.pending()).to.equal(0);
  });
});
