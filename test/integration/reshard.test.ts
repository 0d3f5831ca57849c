import { expect } from 'chai';
import { ConsumerRun } from '../support/consumer-run.ts';
import { type KinesisServer, kinesisLocalServer, simulatedServer } from '../support/kinesis-server.ts';
import { type Placement, PLACEMENTS } from '../support/placements.ts';
import { expectParentsFirst, type ShardParents } from '../support/parents-first.ts';
import { keysOf, writeRound, writeRounds } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const KEYS = keysOf(200);
/** How far the writer runs ahead of the consumer, so that shards close while both are at work. */
const ROUNDS_AHEAD = 15;
/** One batch of a shard after the other, and small ones: a batch that crossed a reshard would be seen. */
const OPTIONS = {
  threads: 2,
  batch: { maxRecords: 100 },
  shardRefreshIntervalMs: 2_000,
  leaseDurationMs: 4_000,
} as const;
const WITHIN_MS = 40_000;

/** Rounds of one record per key, by placement. kinesis-local takes 300 to 1 000 records a second: fewer the second time. */
const SERVERS = [
  { title: 'simulator with limits', start: () => simulatedServer({ reshardMs: 20 }), rounds: [50, 50] },
  { title: 'kinesis-local', start: kinesisLocalServer, rounds: [50, 16] },
] as const;

for (const { title, start, rounds } of SERVERS) {
  describe(`resharding on ${title}`, function () {
    this.timeout(100_000);
    let server: KinesisServer;
    let streams = 0;

    before(async () => {
      server = await start();
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
    });

    const createStream = async (shards: number) => {
      const stream = `reshard-${(streams += 1)}`;
      await server.createStream(stream, shards);
      return stream;
    };

    for (const [i, placement] of PLACEMENTS.entries()) {
      const count = rounds[i]!;
      it(`delivers ${count * KEYS.length} records over split, merge and split of a split, parents before children, ${placement.title}`, async () => {
        await splitMergeSplit(server, await createStream(2), placement, count);
      });

      it(`starts the child of a merge only after its slow parent, ${placement.title}`, async () => {
        await mergeWithSlowParent(server, await createStream(2), placement);
      });
    }
  });
}

async function splitMergeSplit(
  server: KinesisServer,
  stream: string,
  placement: Placement,
  rounds: number,
): Promise<void> {
  await using run = new ConsumerRun(
    server,
    { module: 'audited' },
    { ...OPTIONS, ...placement.options, stream },
  );
  const parents: Record<string, readonly string[]> = { [SHARD_0]: [], [SHARD_1]: [] };
  let resharding: Promise<void> | null = null;
  let roundsDuringReshards = 0;

  // 0 -> (low, high); (high, 1) -> merged; low -> (low of low, high of low)
  let low = '';
  let high = '';
  const steps = [
    async () => {
      [low, high] = await server.split(stream, SHARD_0);
      Object.assign(parents, { [low]: [SHARD_0], [high]: [SHARD_0] });
    },
    async () => {
      parents[await server.merge(stream, high, SHARD_1)] = [high, SHARD_1];
    },
    async () => {
      const [first, second] = await server.split(stream, low);
      Object.assign(parents, { [first]: [low], [second]: [low] });
    },
  ];

  await run.consumer.ready({ timeoutMs: 10_000 });
  for (let round = 0; round < rounds; round += 1) {
    await run.until(`the consumer is near round ${round}`, WITHIN_MS, () => {
      return run.audit.distinct >= (round - ROUNDS_AHEAD) * KEYS.length;
    });
    // Not awaited: the writes go on while the stream changes.
    if (round >= ((4 - steps.length) * rounds) / 5 && steps.length > 0) {
      await resharding;
      resharding = steps.shift()!().finally(() => (resharding = null));
    }
    if (resharding !== null) roundsDuringReshards += 1;
    await writeRound(server, stream, run.audit, KEYS);
  }
  await resharding;
  await writeRound(server, stream, run.audit, KEYS);
  expect(Object.keys(parents)).to.have.length(7);
  expect(roundsDuringReshards, 'rounds written while a reshard went on').to.be.at.least(3);

  await run.untilComplete(WITHIN_MS);
  const closed: ShardParents = parents;
  await run.until('all parents are finished', WITHIN_MS, () => run.of('shard:end').length >= 4);
  const status = await run.consumer.status();
  expect(await run.stop()).to.equal(null);
  run.audit.expectExactlyOnceInOrder();
  expectParentsFirst(run, closed);
  expect(status.shards.filter(({ lease }) => lease === 'done')).to.have.length(4);
  expect(status.shards.filter(({ lease }) => lease === 'running')).to.have.length(3);
}

async function mergeWithSlowParent(
  server: KinesisServer,
  stream: string,
  placement: Placement,
): Promise<void> {
  const handler = { module: 'gated', params: { shard: SHARD_1 } };
  await using run = new ConsumerRun(server, handler, {
    ...OPTIONS,
    ...placement.options,
    stream,
    leaseDurationMs: 2_000,
  });
  await writeRounds(server, stream, run.audit, KEYS, 3);
  await run.until(
    'the slow parent has its first batch',
    WITHIN_MS,
    () => run.reports.of('waiting').length > 0,
  );
  const child = await server.merge(stream, SHARD_0, SHARD_1);
  await writeRounds(server, stream, run.audit, KEYS, 3);

  await run.untilStatus('the fast parent is done and the child is known', WITHIN_MS, ({ shards }) => {
    const lease = (id: string) => shards.find(({ shardId }) => shardId === id)?.lease;
    return lease(SHARD_0) === 'done' && lease(child) !== undefined;
  });
  // Four beats are two looks at the store: a child that did not wait would have been taken by now.
  const { beats } = await run.consumer.status();
  const later = await run.untilStatus('four more beats', WITHIN_MS, (status) => status.beats >= beats + 4);
  const leaseOf = (id: string) => later.shards.find(({ shardId }) => shardId === id)!;
  expect(leaseOf(child).lease).to.equal('waiting-for-parents');
  expect(leaseOf(child).parents).to.have.members([SHARD_0, SHARD_1]);
  expect(leaseOf(SHARD_1).lease).to.equal('running');
  expect(run.of('shard:start').map(({ shardId }) => shardId)).not.to.include(child);

  run.reports.openGates();
  await run.untilComplete(WITHIN_MS);
  expect(await run.stop()).to.equal(null);
  run.audit.expectExactlyOnceInOrder();
  expectParentsFirst(run, { [SHARD_0]: [], [SHARD_1]: [], [child]: [SHARD_0, SHARD_1] });
}
