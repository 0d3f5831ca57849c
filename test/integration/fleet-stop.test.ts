// One of two instances is stopped in an orderly way: the other one goes on at once, and handles nothing again.

import { expect } from 'chai';
import { FLEET_STORES } from './fleet-store.ts';
import { stopOne } from './fleet-measures.ts';

const SHARDS = 6;
/** To the first record elsewhere. Where nobody is told, it waits for a look of the other one. */
const FIRST_WITHIN_MS = { local: 1_000, redis: 1_000, dynamodb: 3_000 } as const;

/** For the others, on a host that has other things to do; far less than a lease. */
const ALL_WITHIN_MS = 4_000;

describe('SIGTERM for one of two instances', function () {
  this.timeout(90_000);

  for (const store of FLEET_STORES) {
    it(`replays nothing, and its shards go on at once, with ${store}`, async function () {
      const { audit, delaysMs } = await stopOne(store, SHARDS);
      expect(audit.findings).to.deep.equal([]);
      expect(audit.figures).to.include({ repeatedDone: 0, repeatedUnfinished: 0 });
      expect(delaysMs).to.have.length(SHARDS / 2);
      expect(Math.min(...delaysMs)).to.be.below(FIRST_WITHIN_MS[store]);
      expect(Math.max(...delaysMs)).to.be.below(ALL_WITHIN_MS);
      this.test!.title += ` (after ${delaysMs.map((ms) => ms.toFixed(0)).join(', ')} ms)`;
    });
  }
});
