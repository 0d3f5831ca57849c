// Shards and streams that are no more: each is said, nothing waits for ever, and what is there is delivered.

import { expect } from 'chai';
import { DeliveryAudit } from '../support/delivery-audit.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { SuccessiveRuns } from '../support/successive-runs.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const SHARD_0 = 'shardId-000000000000';
const SHARD_1 = 'shardId-000000000001';
const KEYS = keysOf(40);
/** Two listings that confirm each other are five seconds apart; a stream is given up after ten. */
const WITHIN_MS = 25_000;

describe('vanishing', function () {
  this.timeout(80_000);
  let server: SimulatedServer;
  let streams = 0;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  const runsOn = async (shards: number, options = {}) => {
    const stream = `vanishing-${(streams += 1)}`;
    await server.createStream(stream, shards);
    return new SuccessiveRuns(server, stream, { shardRefreshIntervalMs: 1_000, ...options });
  };
  const stoppedAfter = async (runs: SuccessiveRuns) => {
    await runs.write(KEYS, 2);
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
    runs.audit = new DeliveryAudit();
  };

  it('a shard that was trimmed away while nobody read: its children go on at once, its loss is said, its row goes', async () => {
    using runs = await runsOn(2);
    await stoppedAfter(runs);
    const position = runs.positions.of(SHARD_0);
    await writeRounds(server, runs.stream, new DeliveryAudit(), KEYS, 1);
    await server.split(runs.stream, SHARD_0);
    await server.simulator.trim(runs.stream, SHARD_0);
    await server.simulator.trim(runs.stream, SHARD_1);
    await runs.write(KEYS, 2);

    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    expect(run.of('shard:end'), 'the children wait for nothing').to.deep.equal([]);
    await run.until('the shard is given up', WITHIN_MS, () => run.of('shard:end').length > 0);
    expect(run.of('shard:end')).to.deep.equal([
      { shardId: SHARD_0, reason: 'shard-gone', position: { type: 'SHARD_END' } },
    ]);
    expect(run.of('records:lost').map(({ shardId }) => shardId)).to.deep.equal([SHARD_0]);
    expect(run.of('records:lost')[0]!.position).to.deep.equal(position);
    await run.until('its row is gone', WITHIN_MS, () => runs.positions.of(SHARD_0) === undefined);
    expect(runs.positions.rows()).to.have.length(3);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('a shard that vanishes behind a slow handler ends behind what was read of it', async () => {
    using runs = await runsOn(1, { recordLimit: 20, batch: { maxRecords: 10 } });
    await runs.write(KEYS, 1);
    const read = runs.audit;
    await writeRounds(server, runs.stream, new DeliveryAudit(), keysOf(400), 1);
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    await using run = runs.start({}, (shardId) => (shardId === SHARD_0 ? gate : undefined));
    await run.consumer.ready();
    await run.untilStatus(
      'the window is shut',
      WITHIN_MS,
      ({ shards }) => shards[0]?.state === 'waiting-for-handler',
    );
    await server.split(runs.stream, SHARD_0);
    await server.simulator.trim(runs.stream, SHARD_0);
    open();
    await run.until('it is given up', WITHIN_MS, () => run.of('shard:end').length > 0);
    expect(run.of('shard:end')[0]).to.include({ shardId: SHARD_0, reason: 'shard-gone' });
    expect(run.of('records:lost')).to.have.length(1);
    // What had been read when it vanished was delivered, all of it.
    expect(read.distinct).to.be.at.least(KEYS.length);
    await run.until('the children are read', WITHIN_MS, () => run.of('shard:start').length === 3);
    expect(await run.stop()).to.equal(null);
  });

  it('the child of a merge starts when one parent is finished and the other one gone', async () => {
    using runs = await runsOn(2);
    await stoppedAfter(runs);
    await writeRounds(server, runs.stream, new DeliveryAudit(), KEYS, 1);
    await server.merge(runs.stream, SHARD_0, SHARD_1);
    await server.simulator.trim(runs.stream, SHARD_1);
    await runs.write(KEYS, 2);
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    expect(await run.stop()).to.equal(null);
  });

  it('a shard that is missing and still listed is tried again, with all others unharmed', async () => {
    using runs = await runsOn(2);
    await runs.write(KEYS, 2);
    for (const operation of ['GetRecords', 'GetShardIterator'] as const) {
      await server.simulator.inject({
        operation,
        stream: runs.stream,
        shardId: SHARD_0,
        error: 'ResourceNotFoundException',
        times: 3,
      });
    }
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    expect(run.of('shard:retry').every(({ shardId }) => shardId === SHARD_0)).to.equal(true);
    expect(run.of('shard:retry').length).to.be.at.least(6);
    expect(run.of('records:lost')).to.deep.equal([]);
    expect(await run.stop()).to.equal(null);
    runs.audit.expectExactlyOnceInOrder();
  });

  it('a stream that is deleted while it is read: an error at the caller, after looks that confirm it', async () => {
    // No listing would come for a long time if the readers did not ask for one.
    using runs = await runsOn(2, { shardRefreshIntervalMs: 600_000 });
    await runs.write(KEYS, 2);
    await using run = runs.start();
    await runs.untilComplete(run, WITHIN_MS);
    await server.simulator.deleteStream(runs.stream);
    const error = await run.finished;
    expect(error).to.have.property('code', 'ERR_STREAM_NOT_FOUND');
    expect(run.of('error')).to.have.length(1);
    expect(run.of('topology:retry').length).to.be.within(3, 30);
    runs.audit.expectExactlyOnceInOrder();
  });

  describe('a stream that is deleted and created again under its name', () => {
    const again = async (runs: SuccessiveRuns, shards: number) => {
      await server.simulator.deleteStream(runs.stream);
      await server.createStream(runs.stream, shards);
      runs.audit = new DeliveryAudit();
      await runs.write(KEYS, 2);
    };

    for (const start of ['TRIM_HORIZON', 'LATEST'] as const) {
      it(`between two runs, from ${start}: all of the new one is read, whatever is stored of the old one`, async () => {
        using runs = await runsOn(3, { start });
        {
          // Finished, half read and unread rows.
          await using run = runs.start();
          await run.consumer.ready();
          await server.split(runs.stream, SHARD_0);
          await runs.write(KEYS, 2);
          await runs.untilComplete(run, WITHIN_MS);
          await run.until('the parent is finished', WITHIN_MS, () => run.of('shard:end').length > 0);
          expect(await run.stop()).to.equal(null);
        }
        await again(runs, 2);
        await using run = runs.start();
        await runs.untilComplete(run, WITHIN_MS);
        expect(run.of('stream:replaced')).to.deep.equal([{ shards: [SHARD_0, SHARD_1] }]);
        await run.until('the others are given up', WITHIN_MS, () => run.of('shard:end').length >= 3);
        expect(run.of('shard:end').every(({ reason }) => reason === 'shard-gone')).to.equal(true);
        const lost = run.of('records:lost').map(({ shardId }) => shardId);
        expect(lost.toSorted()).to.deep.equal([1, 2, 3, 4].map((i) => `shardId-00000000000${i}`));
        expect(await run.stop()).to.equal(null);
        runs.audit.expectExactlyOnceInOrder();
      });
    }

    it('while it is read: the consumer goes over to the new one by itself', async () => {
      using runs = await runsOn(2, { shardRefreshIntervalMs: 600_000 });
      await runs.write(KEYS, 2);
      await using run = runs.start({}, () => undefined);
      await runs.untilComplete(run, WITHIN_MS);
      const old = runs.audit;
      await server.simulator.deleteStream(runs.stream);
      await server.createStream(runs.stream, 2);
      await runs.write(KEYS, 3);
      await runs.untilComplete(run, WITHIN_MS);
      expect(run.of('stream:replaced')).to.have.length(1);
      expect(run.of('records:lost').map(({ shardId }) => shardId)).to.have.members([SHARD_0, SHARD_1]);
      expect(run.of('shard:end').map(({ reason }) => reason)).to.deep.equal(['shard-gone', 'shard-gone']);
      expect(await run.stop()).to.equal(null);
      old.expectExactlyOnceInOrder();
    });
  });
});
