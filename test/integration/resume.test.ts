// Going on where one stood: expired iterators at every point, positions inside aggregates, positions that were trimmed.

import { expect } from 'chai';
import { DeliveryAudit } from '../support/delivery-audit.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { SuccessiveRuns } from '../support/successive-runs.ts';
import { keysOf } from '../support/writing.ts';
import { kplAggregate } from '../../src/testing/simulator/canned-page.ts';

const SHARD_0 = 'shardId-000000000000';
const KEYS = keysOf(40);
const WITHIN_MS = 20_000;
/** Iterators live for five minutes. */
const PAST_ITERATORS_MS = 301_000;

describe('resume', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const runsOn = async (shards: number, options = {}) => {
    const stream = `resume-${(streams += 1)}`;
    await server.createStream(stream, shards);
    return new SuccessiveRuns(server, stream, options);
  };
  const expired = async (runs: SuccessiveRuns): Promise<number> => {
    const { errors } = await server.simulator.calls({ operation: 'GetRecords', stream: runs.stream });
    return errors['ExpiredIteratorException'] ?? 0;
  };

  for (const start of ['TRIM_HORIZON', 'LATEST'] as const) {
    it(`an iterator that expires before the first record, from ${start}`, async () => {
      using runs = await runsOn(1, { start });
      await using run = runs.start();
      await run.consumer.ready();
      await run.until(
        'it has read',
        WITHIN_MS,
        async () =>
          (await server.simulator.calls({ operation: 'GetRecords', stream: runs.stream })).served > 0,
      );
      await server.simulator.advance(PAST_ITERATORS_MS);
      await runs.write(KEYS, 3);
      await runs.untilComplete(run, WITHIN_MS);
      expect(await expired(runs)).to.be.at.least(1);
      expect(await run.stop()).to.equal(null);
      runs.audit.expectExactlyOnceInOrder();
      expect(run.of('records:maybe-lost')).to.deep.equal([]);
    });
  }

  it('iterators that expire between pages, again and again', async () => {
    using runs = await runsOn(2, { recordLimit: 20 });
    await runs.write(KEYS, 20);
    await using run = runs.start();
    for (let round = 0; round < 4; round += 1) {
      const { distinct } = runs.audit;
      await run.until(
        'some more came',
        WITHIN_MS,
        () => runs.audit.distinct > distinct || runs.audit.isComplete,
      );
      await server.simulator.advance(PAST_ITERATORS_MS);
    }
    await runs.write(KEYS, 2);
    await runs.untilComplete(run, WITHIN_MS);
    expect(await expired(runs)).to.be.at.least(2);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('an iterator that expires while a slow handler keeps the shard from reading', async () => {
    using runs = await runsOn(1, { recordLimit: 20, batch: { maxRecords: 10 } });
    await runs.write(KEYS, 10);
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    await using run = runs.start({}, () => gate);
    await run.consumer.ready();
    await run.untilStatus(
      'the window is shut',
      WITHIN_MS,
      ({ shards }) => shards[0]?.state === 'waiting-for-handler',
    );
    await server.simulator.advance(PAST_ITERATORS_MS);
    open();
    await runs.untilComplete(run, WITHIN_MS);
    expect(await expired(runs)).to.be.at.least(1);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('a checkpoint inside an aggregate, and an iterator that expires right behind it', async () => {
    using runs = await runsOn(1, { processor: 'kpl-json', batch: { maxRecords: 3 } });
    await server.simulator.put(runs.stream, [
      { partitionKey: 'a', data: kplAggregate(Buffer.from('{"key":"in","n":0}'), 10) },
    ]);
    const seen: string[] = [];
    const audit = new DeliveryAudit();
    runs.audit = audit;
    const record = audit.deliver.bind(audit);
    audit.deliver = (rows) => {
      const list = [...rows];
      seen.push(...list.map(([, , id]) => id.split(':').at(-1)!));
      record(list);
    };
    {
      let calls = 0;
      await using run = runs.start({}, () => ((calls += 1) > 1 ? new Promise(() => {}) : undefined));
      await run.consumer.ready();
      await run.until('the first batch is acked', WITHIN_MS, async () => {
        await run.consumer.checkpoint();
        return runs.positions.of(SHARD_0)?.type === 'SEQUENCE';
      });
      await run.stop(100);
    }
    expect(runs.positions.of(SHARD_0)).to.include({ type: 'SEQUENCE', subSequenceNumber: 2 });
    await server.simulator.inject({
      operation: 'GetRecords',
      stream: runs.stream,
      error: 'ExpiredIteratorException',
      times: 1,
    });
    await using run = runs.start();
    await run.until('the rest came', WITHIN_MS, () => seen.length >= 10);
    expect(await run.stop()).to.equal(null);
    expect(seen).to.deep.equal(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(run.of('records:maybe-lost')).to.deep.equal([]);
  });

  describe('a position that was trimmed', () => {
    const stoppedAfter = async (runs: SuccessiveRuns) => {
      await runs.write(KEYS, 2);
      await using run = runs.start();
      await runs.untilComplete(run, WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      expect(runs.positions.of(SHARD_0)).to.have.property('type', 'SEQUENCE');
      runs.audit = new DeliveryAudit();
    };

    it('is said with what there is behind it, and everything there is is delivered', async () => {
      using runs = await runsOn(1);
      await stoppedAfter(runs);
      const position = runs.positions.of(SHARD_0);
      await runs.write(KEYS, 1);
      await server.simulator.trim(runs.stream);
      runs.audit = new DeliveryAudit();
      await runs.write(KEYS, 2);
      await using run = runs.start();
      await runs.untilComplete(run, WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      runs.audit.expectExactlyOnceInOrder();
      const [lost, ...more] = run.of('records:maybe-lost');
      expect(more).to.deep.equal([]);
      expect(lost).to.deep.include({ shardId: SHARD_0, position });
      expect(lost!.next).to.have.property('type', 'SEQUENCE');
      expect(lost!.cause).to.contain('retention');
    });

    it('with nothing behind it: said once, and what comes is delivered', async () => {
      using runs = await runsOn(1);
      await stoppedAfter(runs);
      await server.simulator.advance(25 * 3_600_000);
      await using run = runs.start();
      await run.until('it was said', WITHIN_MS, () => run.of('records:maybe-lost').length > 0);
      await runs.write(KEYS, 2);
      await runs.untilComplete(run, WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      runs.audit.expectExactlyOnceInOrder();
      expect(run.of('records:maybe-lost').map(({ next }) => next)).to.deep.equal([null]);
    });

    it('in a closed shard that still has other records: said, finished, and its children follow', async () => {
      using runs = await runsOn(1);
      await stoppedAfter(runs);
      await runs.write(KEYS, 1);
      const point = await server.simulator.advance(1_000);
      runs.audit = new DeliveryAudit();
      await runs.write(KEYS, 1);
      await server.split(runs.stream, SHARD_0);
      await server.simulator.trim(runs.stream, SHARD_0, point);
      await runs.write(KEYS, 2);
      await using run = runs.start();
      await runs.untilComplete(run, WITHIN_MS);
      await run.until('the parent is finished', WITHIN_MS, () => run.of('shard:end').length > 0);
      expect(await run.stop()).to.equal(null);
      runs.audit.expectExactlyOnceInOrder();
      expect(run.of('records:maybe-lost')).to.have.length(1);
      expect(run.of('shard:end')[0]).to.include({ shardId: SHARD_0, reason: 'shard-end' });
    });

    it('that was not trimmed is no event', async () => {
      using runs = await runsOn(1);
      await stoppedAfter(runs);
      await runs.write(KEYS, 1);
      await using run = runs.start();
      await runs.untilComplete(run, WITHIN_MS);
      expect(await run.stop()).to.equal(null);
      runs.audit.expectExactlyOnceInOrder();
      expect(run.of('records:maybe-lost')).to.deep.equal([]);
    });
  });
});
