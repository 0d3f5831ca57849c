// The leases of many instances under random schedules, on stores that tell of changes. See check.ts for what a failure says.

import { expect } from 'chai';
import { expectNoViolation } from './check.ts';
import { runSchedule } from './world.ts';

describe('simulation of leases on watched stores', function () {
  this.timeout(300_000);
  for (const from of [1, 251]) {
    it(`keeps its promises in 250 schedules from ${from} on one host`, () =>
      expectNoViolation('local', from, 250));
    it(`keeps its promises in 250 schedules from ${from} with fail-overs that forget`, () =>
      expectNoViolation('redis', from, 250));
  }

  it('plays a seed the same way each time', async () => {
    const play = () => runSchedule(7, { trace: true });
    const [first, second] = [await play(), await play()];
    expect(first.trace.length).to.be.greaterThan(100);
    expect(first.trace).to.deep.equal(second.trace);
  });

  it('plays it the same way without a trace', async () => {
    const traced = await runSchedule(8, { trace: true });
    const { trace: _, ...plain } = await runSchedule(8);
    expect({ ...plain, trace: traced.trace }).to.deep.equal(traced);
  });

  it('notices a reader that does not look at the fence', async () => {
    const found: (string | null)[] = [];
    for (let seed = 1; seed <= 300 && found.length === 0; seed += 1) {
      const { violation } = await runSchedule(seed, { readerMutations: ['reader-no-fence'] });
      if (violation !== null) found.push(violation);
    }
    expect(found).to.have.length(1);
  });
});
