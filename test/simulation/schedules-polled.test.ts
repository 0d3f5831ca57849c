// The leases of many instances under random schedules, on stores that are polled. See check.ts for what a failure says.

import { expectNoViolation } from './check.ts';

describe('simulation of leases on polled stores', function () {
  this.timeout(300_000);
  for (const from of [1, 251]) {
    it(`keeps its promises in 250 schedules from ${from} with exact revisions`, () =>
      expectNoViolation('memory', from, 250));
    it(`keeps its promises in 250 schedules from ${from} with late revisions`, () =>
      expectNoViolation('dynamodb', from, 250));
  }
});
