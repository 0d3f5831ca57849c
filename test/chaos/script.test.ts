// A script follows from its seed, and has something of everything.

import { expect } from 'chai';
import { chaosScript, showStep } from './script.ts';

const PARTS = { durationMs: 30_000, leaseMs: 2_000, hasLine: true, canRestart: true };

describe('a script of chaos', () => {
  it('is the same for the same seed, and another one for another', () => {
    expect(chaosScript(7, PARTS)).to.deep.equal(chaosScript(7, PARTS));
    expect(chaosScript(7, PARTS).steps).not.to.deep.equal(chaosScript(8, PARTS).steps);
  });

  it('has every kind of step, in its time, for instances that there are', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const { steps, instances, durationMs } = chaosScript(seed, PARTS);
      expect(new Set(steps.map(({ deed }) => deed)).size, `seed ${seed}`).to.equal(8);
      for (const step of steps) {
        expect(step.atMs).to.be.within(0, durationMs);
        if ('instance' in step && step.instance !== null) {
          expect(instances.map(({ id }) => id)).to.include(step.instance);
        }
        expect(showStep(step)).to.include(' s ');
      }
    }
  });

  it('breaks no line where there is none, and restarts no server', () => {
    const { steps } = chaosScript(3, { ...PARTS, hasLine: false, canRestart: false });
    expect(steps.filter(({ deed }) => deed === 'fault' || deed === 'restart-store')).to.deep.equal([]);
  });
});
