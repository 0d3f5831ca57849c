// Everything at once: a stream that is resharded while it is written, calls that fail, and consumers that come and go.

import { expect } from 'chai';
import type { ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { Storm, type StormParts } from '../support/storm.ts';
import { injectStorm } from '../support/storm-faults.ts';
import { keysOf } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const KEYS = keysOf(200);
const ROUNDS = 150;
const FAULTS = 0.05;
const WITHIN_MS = 30_000;
const OPTIONS = {
  threads: 2,
  batch: { maxRecords: 100 },
  shardRefreshIntervalMs: 2_000,
  leaseDurationMs: 4_000,
} as const;

describe('a reshard storm', function () {
  this.timeout(90_000);
  let server: SimulatedServer;
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ reshardMs: 20 });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const stormOver = async (shards: number, parts: Partial<StormParts> = {}) => {
    const stream = `storm-${(streams += 1)}`;
    await server.createStream(stream, shards);
    return new Storm({ server, stream, keys: KEYS, ...parts, options: { ...OPTIONS, ...parts.options } });
  };
  const title = async (test: Mocha.Context, storm: Storm) => {
    test.test!.title += ` (${await storm.figures()})`;
  };
  const scaleTo = (storm: Storm, ...counts: number[]) =>
    counts.map((count) => () => server.simulator.scale(storm.stream, count));
  const expectUndisturbed = (runs: readonly ConsumerRun[]) => {
    for (const run of runs) {
      for (const name of ['lease:lost', 'session:lost', 'thread:died', 'records:maybe-lost', 'error'] as const) {
        expect(run.of(name), name).to.be.empty;
      }
    }
  };
  /** Delivered, finished, stopped, and all of it as promised. */
  const expectDelivered = async (storm: Storm, run: ConsumerRun) => {
    await storm.reshardsEnded();
    await storm.untilComplete(run, WITHIN_MS);
    await storm.untilClosedAreDone(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    await storm.expectOrder();
    storm.audit.expectExactlyOnceInOrder();
    expectUndisturbed(storm.runs);
  };

  for (const placement of PLACEMENTS) {
    it(`1 to 2 to 4 to 3 to 2 to 1 shards while calls fail: exactly once, in order, ${placement.title}`, async function () {
      using storm = await stormOver(1, { options: placement.options });
      await injectStorm(server.simulator, storm.stream, FAULTS);
      await using run = storm.start();
      await storm.writeThrough(run, ROUNDS, scaleTo(storm, 2, 4, 3, 2, 1));
      await expectDelivered(storm, run);
      expect(await storm.reshardsEnded()).to.equal(5);
      expect(await storm.openShards()).to.have.length(1);
      expect(storm.audit.written).to.equal(ROUNDS * KEYS.length);
      await title(this, storm);
    });
  }
});
void [SHARD_0, SHARD_1];
