// Changes of `rev`: one under way and one to come, after what they stand for, repeated when they fail.

import { expect } from 'chai';
import { createRevUpdates } from '../../../src/checkpointers/dynamodb/rev-updates.ts';
import { deferred } from '../../../src/platform/deferred.ts';
import { delay } from '../../../src/platform/timers.ts';
import { createVirtualTime } from '../../fakes/virtual-time.ts';

describe('rev updates', () => {
  const given = (outcome: (call: number) => Promise<void>) => {
    const time = createVirtualTime();
    let calls = 0;
    const rev = createRevUpdates({
      timers: time.timers,
      update: () => {
        calls += 1;
        return outcome(calls);
      },
    });
    return { time, rev, calls: () => calls };
  };

  it('one for a single change', async () => {
    const { time, rev, calls } = given(async () => undefined);
    rev.changed();
    expect(calls(), 'at once').to.equal(1);
    await time.advance(60_000);
    expect(calls()).to.equal(1);
    expect(time.pending()).to.equal(0);
  });

  it('another one for whatever came while the first was under way, which may have been too early for it', async () => {
    const first = deferred();
    const { time, rev, calls } = given((call) => (call === 1 ? first.promise : Promise.resolve()));
    for (let i = 0; i < 50; i += 1) rev.changed();
    await time.advance(1_000);
    expect(calls(), 'none beside it').to.equal(1);
    first.resolve();
    await time.advance(1_000);
    expect(calls()).to.equal(2);
  });

  it('spaced out when changes keep coming', async () => {
    const { time, rev, calls } = given(() => delay(time.timers, 15));
    for (let i = 0; i < 100; i += 1) {
      rev.changed();
      await time.advance(10);
    }
    expect(calls()).to.be.within(8, 11);
  });

  it('repeated when it failed, less and less often, and given up at last', async () => {
    const { time, rev, calls } = given((call) =>
      call <= 3 ? Promise.reject(new Error('throttled')) : Promise.resolve(),
    );
    rev.changed();
    await time.advance(10_000);
    expect(calls()).to.equal(4);

    const hopeless = given(() => Promise.reject(new Error('throttled')));
    hopeless.rev.changed();
    await hopeless.time.advance(600_000);
    expect(hopeless.calls()).to.equal(6);
    hopeless.rev.changed();
    expect(hopeless.calls(), 'a later change begins anew').to.equal(7);
    await hopeless.rev.finish();
  });

  it('finish: what is to come comes at once and only once, and nothing is left', async () => {
    const first = deferred();
    const { time, rev, calls } = given((call) =>
      call === 1 ? first.promise : Promise.reject(new Error('gone')),
    );
    rev.changed();
    rev.changed();
    const finished = rev.finish();
    first.resolve();
    await finished;
    expect(calls()).to.equal(2);
    expect(time.pending()).to.equal(0);
    await rev.finish();
  });
});
