// An instance is killed: after a lease, and not before, its shards go on elsewhere. Where its process is seen to be gone, at once.

import { expect } from 'chai';
import { FLEET_STORES } from './fleet-store.ts';
import { killSome } from './fleet-measures.ts';

const LEASE_MS = 2_000;
/** A beat may be so old when its instance dies, and nobody looks more often than this. */
const BEAT_MS = LEASE_MS / 4;
const LOOK_MS = 1_100;
/** For the eviction, the takes and the first read, on a host that has other things to do. */
const SLACK_MS = 3_000;
const EARLIEST_MS = { local: 0, redis: LEASE_MS - BEAT_MS, dynamodb: LEASE_MS - BEAT_MS } as const;
const LATEST_MS = {
  local: LOOK_MS + SLACK_MS,
  redis: LEASE_MS + LOOK_MS + SLACK_MS,
  dynamodb: LEASE_MS + LOOK_MS + SLACK_MS,
} as const;

describe('kill -9 for one of three instances', function () {
  this.timeout(90_000);

  for (const store of FLEET_STORES) {
    it(`has its shards read elsewhere after a lease, with ${store}`, async function () {
      const { audit, kills } = await killSome({
        store,
        shards: 6,
        instances: 3,
        kills: 1,
        rounds: 1,
        consumer: { leaseDurationMs: LEASE_MS },
      });
      expect(audit.findings).to.deep.equal([]);
      expect(audit.figures.evictions).to.be.greaterThan(0);
      const [delays] = kills;
      expect(delays).to.have.length(2);
      expect(Math.min(...delays!)).to.be.above(EARLIEST_MS[store]);
      expect(Math.max(...delays!)).to.be.below(LATEST_MS[store]);
      this.test!.title += ` (after ${delays!.map((ms) => ms.toFixed(0)).join(', ')} ms)`;
    });
  }
});
