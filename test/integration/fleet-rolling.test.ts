// A rolling restart: each of several instances is stopped and started again, one after the other, while records come.

import { expect } from 'chai';
import { rollingRestart } from './fleet-measures.ts';

const SHARDS = 12;
const INSTANCES = 4;

describe('a rolling restart', function () {
  this.timeout(150_000);

  for (const store of ['redis', 'local'] as const) {
    it(`loses nothing, repeats nothing and moves each shard away and back at most, with ${store}`, async function () {
      const { audit, moves, mostMoves } = await rollingRestart({
        store,
        shards: SHARDS,
        instances: INSTANCES,
      });
      expect(audit.findings).to.deep.equal([]);
      expect(audit.figures).to.include({ repeatedDone: 0, repeatedUnfinished: 0, evictions: 0 });
      // In each restart the shards of one instance leave it, and as many come back.
      expect(moves).to.be.most(2 * SHARDS);
      expect(mostMoves).to.be.most(2);
      this.test!.title += ` (${moves} moves of ${SHARDS} shards)`;
    });
  }
});
