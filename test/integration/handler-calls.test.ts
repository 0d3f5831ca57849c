import { expect } from 'chai';
import type { LogFields } from '../../src/model/logger.ts';
import { ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { RecordedPositions } from '../support/recorded-positions.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const KEYS = keysOf(20);
const WITHIN_MS = 15_000;

describe('calls of a handler', function () {
  this.timeout(30_000);
  let server: SimulatedServer;
  let stream: string;
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    stream = `calls-${(streams += 1)}`;
    await server.createStream(stream, 2);
  });

  for (const { title, options } of PLACEMENTS) {
    describe(title, () => {
      const receivers = Math.max(1, options.handlerThreads);

      it('setup, onShardStart, batches, onShardEnd and teardown come in this order, each as often as it should', async () => {
        await using run = new ConsumerRun(server, { module: 'audited' }, { stream, threads: 1, ...options });
        await writeRounds(server, stream, run.audit, KEYS, 3);
        await run.untilComplete(WITHIN_MS);
        await server.merge(stream, SHARD_0, SHARD_1);
        await writeRounds(server, stream, run.audit, KEYS, 1);
        await run.untilComplete(WITHIN_MS);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();

        const { reports } = run;
        await run.until(
          'all teardowns are reported',
          WITHIN_MS,
          () => reports.of('teardown').length === receivers,
        );
        expect(reports.of('setup').map(({ thread }) => thread)).to.have.members(
          Array.from({ length: receivers }, (_, i) => i),
        );
        expect(reports.of('shard-start')).to.have.length(3);
        expect(reports.of('shard-end').map(({ shardId }) => shardId)).to.have.members([SHARD_0, SHARD_1]);
        for (const { shardId, at, token, thread } of reports.of('shard-start')) {
          const batches = reports.of('batch').filter((batch) => batch.shardId === shardId);
          expect(batches).not.to.be.empty;
          // A shard belongs to one handler thread at a time, and its calls do not overlap.
          for (const [i, batch] of batches.entries()) {
            expect(batch.thread).to.equal(thread);
            expect(batch.startedAt).to.be.at.least(batches[i - 1]?.endedAt ?? at);
          }
          const end = reports.of('shard-end').find((each) => each.shardId === shardId);
          if (end !== undefined) {
            expect(end).to.include({ token, thread });
            expect(end.at).to.be.at.least(batches.at(-1)!.endedAt);
          }
        }
        for (let thread = 0; thread < receivers; thread += 1) {
          const own = reports.all.filter((report) => report.thread === thread).map(({ type }) => type);
          expect([own[0], own.at(-1)]).to.deep.equal(['setup', 'teardown']);
        }
      });

      it('a batch that fails is given again with the same records after growing pauses; other shards go on', async () => {
        const times = 5;
        const logged: LogFields[] = [];
        const logger = {
          debug() {},
          warn() {},
          error() {},
          info: (fields: LogFields) => void logged.push(fields),
        };
        await using run = new ConsumerRun(
          server,
          { module: 'failing', params: { shard: SHARD_0, times } },
          {
            stream,
            threads: 1,
            batch: { maxRecords: 10 },
            // One batch of the shard: what fails is the first one of it.
            onFailure: { minDelayMs: 40, maxDelayMs: 10_000 },
            logger,
            ...options,
          },
        );
        await writeRounds(server, stream, run.audit, KEYS, 2);
        await run.until('the other shard is done and the first one fails', WITHIN_MS, () => {
          const others = run.reports.of('batch').filter(({ shardId }) => shardId === SHARD_1);
          return others.length > 0 && run.of('handler:failed').length >= 3;
        });
        expect(run.reports.of('batch').filter(({ shardId }) => shardId === SHARD_0)).to.be.empty;
        await run.untilComplete(WITHIN_MS);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();

        const failures = run.of('handler:failed').slice(0, times);
        expect(failures.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3, 4, 5]);
        for (const [i, { shardId, error, delayMs }] of failures.entries()) {
          expect(shardId).to.equal(SHARD_0);
          expect(error).to.include({ message: `attempt ${i + 1}`, code: 'ERR_BUSY' });
          expect(delayMs).to.be.within(20 * 2 ** i, 40 * 2 ** i);
        }
        const notes = run.reports.of('note').map(({ text, at }) => ({
          at,
          ...(JSON.parse(text) as { attempt: number; ids: string[] }),
        }));
        const first = notes.slice(0, times + 1);
        expect(first.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3, 4, 5, 6]);
        for (const { ids } of first) expect(ids).to.deep.equal(first[0]!.ids);
        for (const [i, { delayMs }] of failures.entries()) {
          expect(first[i + 1]!.at - first[i]!.at, `pause ${i + 1}`).to.be.at.least(delayMs - 2);
        }
        expect(logged).to.deep.include({ attempt: 6 });
      });

      it('a stop lets the handler finish what was received, and the next consumer reads nothing again', async () => {
        using positions = new RecordedPositions();
        const shared = {
          stream,
          threads: 1,
          checkpointer: positions.checkpointer,
          checkpointIntervalMs: 60_000,
        };
        const handler = { module: 'gated', params: { shard: SHARD_0 } };
        await using run = new ConsumerRun(server, handler, {
          ...shared,
          batch: { maxRecords: 5 },
          ...options,
        });
        await writeRounds(server, stream, run.audit, KEYS, 5);
        await run.until('the handler waits', WITHIN_MS, () => run.reports.of('waiting').length > 0);
        const stopped = run.stop();
        expect(run.consumer.isReady).to.equal(false);
        run.reports.openGates();
        expect(await stopped).to.equal(null);
        expect(run.of('stopped')).to.deep.equal([{ late: 0, clean: true }]);
        expect(run.audit.delivered).to.be.above(0);
        expect(positions.rows().map(({ owner }) => owner)).to.deep.equal([null, null]);

        await using next = new ConsumerRun(server, { module: 'audited' }, { ...shared, ...options });
        // The same audit goes on: what both delivered together is each record once.
        await next.until('the rest is delivered', WITHIN_MS, () => {
          return run.audit.distinct + next.audit.distinct >= run.audit.written;
        });
        expect(await next.stop()).to.equal(null);
        run.audit.deliver(next.reports.of('batch').flatMap(({ rows }) => rows));
        run.audit.expectExactlyOnceInOrder();
      });

      it('concurrency 1 lets one call of a receiver run at a time', async () => {
        const handler = { module: 'gated', params: { shard: 'all' } };
        const limited = {
          stream,
          threads: 1,
          concurrency: 1,
          ...options,
          handlerThreads: Math.min(1, options.handlerThreads),
        };
        await using run = new ConsumerRun(server, handler, limited);
        await writeRounds(server, stream, run.audit, KEYS, 2);
        await run.until('a handler waits', WITHIN_MS, () => run.reports.of('waiting').length > 0);
        await run.untilStatus('the other shard was read too', WITHIN_MS, ({ shards }) =>
          shards.every(({ reads }) => reads > 1),
        );
        expect(run.reports.of('waiting')).to.have.length(1);
        run.reports.openGates();
        await run.untilComplete(WITHIN_MS);
        const calls = run.reports.of('batch').toSorted((a, b) => a.startedAt - b.startedAt);
        for (const [i, call] of calls.entries())
          expect(call.startedAt).to.be.at.least(calls[i - 1]?.endedAt ?? 0);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();
      });
    });
  }
});
