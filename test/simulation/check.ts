// What the tests of the simulation share: schedules in a row, and a violation told so that it can be replayed.

import { expect } from 'chai';
import { runSchedules } from './schedules.ts';
import type { Flavour } from './server.ts';
import { type Outcome, runSchedule } from './world.ts';

/** Of the trace, before the violation. */
const SHOWN = 60;

export async function expectNoViolation(flavour: Flavour, from: number, count: number): Promise<void> {
  let found: Outcome | null = null;
  const summary = await runSchedules({
    from,
    count,
    flavour,
    maxViolations: 1,
    onViolation(outcome) {
      found = outcome;
    },
  });
  if (found !== null) throw new Error(await told(found));
  expect(summary.schedules).to.equal(count);
  // That it is quiet because nothing happens would be no success.
  expect(summary.takes).to.be.greaterThan(5 * count);
  expect(summary.deliveries).to.be.greaterThan(40 * count);
}

async function told({ seed, flavour, violation }: Outcome): Promise<string> {
  const { trace } = await runSchedule(seed, { flavour, trace: true });
  const at = trace.findIndex((line) => line.includes('VIOLATION'));
  const before = trace.slice(Math.max(0, at - SHOWN), at + 1).join('\n');
  return `seed ${seed} (${flavour}): ${violation}\n${before}\nAll of it: node dist/test/simulation/replay.js ${seed} --flavour ${flavour}`;
}
