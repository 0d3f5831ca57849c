// One of two instances is stopped in an orderly way: the other one goes on at once, and handles nothing again.

import { expect } from 'chai';
import { FLEET_STORES } from './fleet-store.ts';
import { stopOne } from './fleet-measures.ts';

const SHARDS = 6;
/** Before a lease of 10 s could have run out: on a host that runs other tests, nothing more can be said. The bench has the figures. */
const WITHIN_MS = 7_000;

describe('SIGTERM for one of two instances', function () {
  this.timeout(90_000);

  for (const store of FLEET_STORES) {
    it(`replays nothing, and its shards go on at once, with ${store}`, async function () {
      const { audit, delaysMs } = await stopOne(store, SHARDS);
      expect(audit.findings).to.deep.equal([]);
      expect(audit.figures).to.include({ repeatedDone: 0, repeatedUnfinished: 0 });
      expect(delaysMs).to.have.length(SHARDS / 2);
      expect(Math.max(...delaysMs)).to.be.below(WITHIN_MS);
      this.test!.title += ` (after ${delaysMs.map((ms) => ms.toFixed(0)).join(', ')} ms)`;
    });
  }
});
