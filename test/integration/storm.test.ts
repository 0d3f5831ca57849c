// Everything at once: a stream that is resharded while it is written, calls that fail, and consumers that come and go.

import { expect } from 'chai';
import { DeliveryAudit } from '../support/delivery-audit.ts';
import type { ConsumerRun } from '../support/consumer-run.ts';
import { oneOf, seededRandom } from '../fakes/random.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { randomPlan, reshardAtRandom, writeDeadly } from '../support/random-storm.ts';
import { Storm, type StormParts } from '../support/storm.ts';
import { injectStorm } from '../support/storm-faults.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const KEYS = keysOf(200);
const ROUNDS = 150;
const ROUNDS_A_RUN = 20;
const FAULTS = 0.05;
const RANDOM_STORMS = 10;
/** Set it to try others, or to see again what another one showed. */
const FIRST_SEED = Number(process.env['STORM_SEED'] ?? 1);
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
      for (const name of [
        'lease:lost',
        'session:lost',
        'thread:died',
        'records:maybe-lost',
        'error',
      ] as const) {
        expect(run.of(name), name).to.be.empty;
      }
    }
  };
  /** Delivered, finished, stopped, and parents before their children. */
  const expectAllDone = async (storm: Storm, run: ConsumerRun) => {
    await storm.reshardsEnded();
    await storm.untilComplete(run, WITHIN_MS);
    await storm.untilClosedAreDone(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    await storm.expectOrder();
  };
  const expectDelivered = async (storm: Storm, run: ConsumerRun) => {
    await expectAllDone(storm, run);
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

    it(`a split of a split while the first parent is unread: grandchildren wait too, ${placement.title}`, async () => {
      using storm = await stormOver(2, {
        options: placement.options,
        handler: { module: 'gated', params: { shard: SHARD_0 } },
      });
      await storm.write(2);
      await using run = storm.start();
      await run.until('the parent is in hand', WITHIN_MS, () => storm.reports.of('waiting').length > 0);
      const [low, high] = await server.split(storm.stream, SHARD_0);
      await storm.write(2);
      const grandchildren = [
        ...(await server.split(storm.stream, low)),
        ...(await server.split(storm.stream, high)),
      ];
      await storm.write(2);
      await run.untilStatus('all are known, and wait', WITHIN_MS, ({ shards }) =>
        [low, high, ...grandchildren].every((id) =>
          shards.some(({ shardId, lease }) => shardId === id && lease === 'waiting-for-parents'),
        ),
      );
      const { beats } = await run.consumer.status();
      await run.untilStatus(
        'the store was looked at again',
        WITHIN_MS,
        (status) => status.beats >= beats + 2,
      );
      expect(run.of('shard:start').map(({ shardId }) => shardId)).to.have.members([SHARD_0, SHARD_1]);
      storm.reports.openGates();
      await storm.write(2);
      await expectDelivered(storm, run);
    });

    it(`shards that are split empty, and children that never get a record, ${placement.title}`, async () => {
      using storm = await stormOver(2, { options: placement.options });
      await using run = storm.start();
      await run.consumer.ready();
      // Five generations without a record, and next to them a shard that always has some.
      let lowest = SHARD_0;
      for (let generation = 0; generation < 5; generation += 1) {
        const [low, high] = await server.split(storm.stream, lowest);
        if (generation % 2 === 0) await server.split(storm.stream, high);
        lowest = low;
      }
      await storm.write(3);
      const beforeMerge = await storm.openShards();
      await server.merge(storm.stream, beforeMerge[0]!, beforeMerge[1]!);
      await storm.write(3);
      await expectDelivered(storm, run);
    });

    it(`merges of shards of different generations, ${placement.title}`, async () => {
      using storm = await stormOver(2, { options: placement.options });
      await storm.write(3);
      await using run = storm.start();
      // 0 -> low, high; high -> lower, upper; upper + 1 -> merged; lower + merged -> all but low.
      const [, high] = await server.split(storm.stream, SHARD_0);
      await storm.write(2);
      const [lower, upper] = await server.split(storm.stream, high);
      await storm.write(2);
      const merged = await server.merge(storm.stream, upper, SHARD_1);
      await storm.write(2);
      const last = await server.merge(storm.stream, lower, merged);
      await storm.write(2);
      await expectDelivered(storm, run);
      expect((await storm.openShards()).at(-1)).to.equal(last);
    });

    it(`a slow parent, and children that have much to read at once, ${placement.title}`, async () => {
      using storm = await stormOver(2, {
        handler: { module: 'slow', params: { shard: SHARD_0, delayMs: 60 } },
        options: { ...placement.options, batch: { maxRecords: 20 } },
      });
      await storm.write(4);
      await using run = storm.start();
      const [low] = await server.split(storm.stream, SHARD_0);
      await server.split(storm.stream, SHARD_1);
      await storm.write(4);
      await server.split(storm.stream, low);
      await storm.write(4);
      await expectDelivered(storm, run);
    });

    it(`LATEST with splits right after the start, found late, stopped and started again in between, ${placement.title}`, async () => {
      using storm = await stormOver(2, {
        options: { ...placement.options, start: 'LATEST', shardRefreshIntervalMs: 600_000 },
      });
      // Written, and of no interest to the audit.
      await writeRounds(server, storm.stream, new DeliveryAudit(), KEYS, 2);
      // LATEST is the Date of an answer of AWS, which has whole seconds.
      await server.simulator.advance(2_000);
      await using first = storm.start();
      await first.consumer.ready();
      await server.simulator.inject({ operation: 'ListShards', stream: storm.stream, delayMs: 300 });
      const [low] = await server.split(storm.stream, SHARD_0);
      await storm.write(3);
      await server.split(storm.stream, low);
      await storm.write(3);
      await first.until('a child was begun', WITHIN_MS, () => first.of('shard:start').length > 2);
      expect(await first.stop()).to.equal(null);
      await server.split(storm.stream, SHARD_1);
      await storm.write(3);
      await server.simulator.advance(60_000);
      await using second = storm.start();
      await second.consumer.ready();
      await server.simulator.scale(storm.stream, 3);
      await storm.write(3);
      await expectDelivered(storm, second);
      for (const { shardId, position } of first.of('shard:start')) {
        const isFirst = [SHARD_0, SHARD_1].includes(shardId);
        expect(position.type, shardId).to.equal(isFirst ? 'LATEST' : 'TRIM_HORIZON');
      }
    });

    it(`stopped and started four times in the middle: nothing missing, nothing twice, ${placement.title}`, async function () {
      using storm = await stormOver(1, { options: placement.options });
      await injectStorm(server.simulator, storm.stream, FAULTS);
      const steps = scaleTo(storm, 2, 4, 3, 2);
      for (const step of steps) {
        await using run = storm.start();
        await storm.writeThrough(run, ROUNDS_A_RUN, [step]);
        // In the middle of the reshard, and with records in flight.
        storm.reshard(scaleTo(storm, (await storm.openShards()).length + 1)[0]!);
        await storm.writeRound();
        expect(await run.stop()).to.equal(null);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
        await storm.write(2);
      }
      await using last = storm.start();
      await expectDelivered(storm, last);
      expect(await storm.reshardsEnded()).to.equal(2 * steps.length);
      await title(this, storm);
    });
  }

  it('killed twice in the middle: at least once, and what comes first is in order', async function () {
    // Much is in hand whenever it is killed, and what is in hand was not long ago left out of a checkpoint.
    using storm = await stormOver(1, { options: { checkpointIntervalMs: 100 } });
    await injectStorm(server.simulator, storm.stream, FAULTS);
    for (const scales of [
      [2, 4],
      [3, 2],
    ]) {
      const { distinct } = storm.audit;
      await using program = storm.startProgram(30);
      await storm.writeThrough(program, 1.5 * ROUNDS_A_RUN, scaleTo(storm, ...scales));
      storm.reshard(scaleTo(storm, 3)[0]!);
      await storm.writeRound();
      expect(storm.audit.distinct).to.be.above(distinct);
      expect(await program.kill(), program.stderr).to.equal(true);
      expect(await storm.journal.evictAll()).to.equal(1);
      await storm.write(2);
    }
    await using last = storm.start();
    await expectAllDone(storm, last);
    storm.audit.expectAtLeastOnceInOrder();
    expectUndisturbed(storm.runs);
    await title(this, storm);
  });

  for (let seed = FIRST_SEED; seed < FIRST_SEED + RANDOM_STORMS; seed += 1) {
    it(`at random, by the seed ${seed}`, async function () {
      const plan = randomPlan(seed);
      const random = seededRandom(seed);
      using storm = await stormOver(plan.shards, plan.parts);
      if (plan.faults > 0) await injectStorm(server.simulator, storm.stream, plan.faults);
      const steps = Array.from({ length: plan.reshards }, () => () => reshardAtRandom(storm, random));
      // One run of the writer for each consumer.
      const stops = [...plan.restarts, plan.rounds];
      let round = 0;
      for (const stop of stops) {
        await using run = storm.start();
        for (; round < stop; round += 1) {
          for (const [cell, death] of plan.deaths.entries())
            if (death.atRound === round)
              await writeDeadly(storm, oneOf(random, KEYS.slice(0, 100)), death, cell);
          if (round >= ((plan.reshards - steps.length + 0.5) * plan.rounds) / plan.reshards)
            storm.reshard(steps.shift()!);
          await storm.whenNear(run);
          await storm.writeRound();
        }
        if (stop === plan.rounds) await expectAllDone(storm, run);
        else expect(await run.stop()).to.equal(null);
      }
      if (storm.handlerDeaths > 0) storm.audit.expectAtLeastOnceInOrder();
      else storm.audit.expectExactlyOnceInOrder();
      for (const run of storm.runs) expect(run.of('lease:lost')).to.be.empty;
      await title(this, storm);
    });
  }
});
