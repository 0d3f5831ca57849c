// The store of two instances does not answer for a while: shorter than a lease, nothing happens; longer, all stop in time and go on.

import { expect } from 'chai';
import { storeAway } from './fleet-measures.ts';

const SHARDS = 4;
const INSTANCES = 2;
const SHORT_MS = 5_000;
const LEASE_MS = 2_000;
const LONG_MS = 8_000;
/** From the comparison with the fence to the first line of the handler. */
const SLACK_MS = 300;

describe('a store that does not answer', function () {
  this.timeout(90_000);

  for (const store of ['redis', 'dynamodb'] as const) {
    it(`for ${SHORT_MS / 1000} s costs no lease and replays nothing, with ${store}`, async () => {
      const outage = await storeAway({ store, shards: SHARDS, instances: INSTANCES, awayMs: SHORT_MS });
      expect(outage.audit.findings).to.deep.equal([]);
      expect(outage.audit.figures).to.include({ repeatedDone: 0, repeatedUnfinished: 0 });
      expect(outage).to.include({ sessionsLost: 0, leasesLost: 0, takes: 0, kept: SHARDS });
      // They went on reading all the time.
      expect(outage.lastBatchMs).to.be.above(SHORT_MS - 2_000);
    });

    it(`for four leases stops all in time, says so, and all go on by themselves, with ${store}`, async function () {
      const outage = await storeAway({
        store,
        shards: SHARDS,
        instances: INSTANCES,
        awayMs: LONG_MS,
        consumer: { leaseDurationMs: LEASE_MS },
      });
      const { audit, lastBatchMs, backMs } = outage;
      // Among them: a batch after the fence, a gap, a replay that no checkpoint explains.
      expect(audit.findings).to.deep.equal([]);
      expect(lastBatchMs).to.be.below(LEASE_MS + SLACK_MS);
      expect(outage.sessionsLost).to.be.least(INSTANCES);
      for (const problems of outage.problems) {
        expect(problems).to.include.members(['session-lost', 'store-unreachable']);
      }
      this.test!.title +=
        ` (last batch after ${lastBatchMs.toFixed(0)} ms, back after ${backMs.toFixed(0)} ms, ${audit.figures.repeatedDone} of ${audit.figures.records} again, ${outage.kept} of ${SHARDS} shards kept)`;
    });
  }
});
