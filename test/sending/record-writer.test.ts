// The writer against a fake Kinesis with faults: nothing missing, order per key, limits respected.

import { expect } from 'chai';
import { shardsOf } from './fake-kinesis.ts';
import { DENIED, TRANSIENT, writerFixture } from './record-writer-fixture.ts';

describe('record writer', () => {
  const at = writerFixture();
  const { open, recordOf, textOf, putAll, expectInOrder, rejection, random } = at;

  describe('sending', () => {
    it('writes 10 000 records of 200 keys once each, in order, in well filled requests', async () => {
      open({ shards: 8 });
      await at.time.settled(putAll(10_000, 200).then(() => at.writer.flush()));
      expect(at.kinesis.stored).to.have.length(10_000);
      expectInOrder(10_000, 200);
      expect(at.kinesis.requests.length).to.be.below(300);
    });

    it('acknowledges with shard and sequence number', async () => {
      open();
      const { shardId, sequenceNumber } = await at.time.settled(
        at.writer.putAcknowledged(recordOf('a', 'x')),
      );
      expect(at.kinesis.stored).to.have.length(1);
      expect(at.kinesis.stored[0]).to.include({ shardId, sequenceNumber, text: 'x' });
    });

    it('has several requests in flight, but no more than allowed', async () => {
      open({ shards: 64, latencyMs: 200 }, { maxInFlight: 3 });
      await at.time.settled(putAll(5_000, 5_000).then(() => at.writer.flush()));
      expect(at.kinesis.maxRequestsInFlight).to.equal(3);
      expectInOrder(5_000, 5_000);
    });

    it('never has two records of one key in flight, also with different hash keys', async () => {
      open();
      for (let n = 0; n < 20; n++) {
        const explicitHashKey = String(2n ** 126n * BigInt(n % 4));
        await at.writer.put({ ...recordOf('one', textOf(n)), explicitHashKey });
      }
      await at.time.settled(at.writer.flush());
      expect(at.kinesis.violations).to.deep.equal([]);
      expect(at.kinesis.requests).to.have.length(20);
      expect(at.kinesis.textsOf('one')).to.deep.equal(Array.from({ length: 20 }, (_, n) => textOf(n)));
      expect(new Set(at.kinesis.stored.map((record) => record.shardId)).size).to.equal(4);
    });

    it('keeps requests below 5 MiB with keys, and 500 records', async () => {
      open({ shards: 64 });
      const large = 2 ** 20 - 10;
      for (let n = 0; n < 30; n++) await at.writer.put(recordOf(`key-${n}`, textOf(n), large));
      await at.time.settled(at.writer.flush());
      expect(at.kinesis.violations).to.deep.equal([]);
      expect(Math.max(...at.kinesis.requests.map((request) => request.records))).to.be.within(4, 5);
    });

    it('takes time that grows with the records, not with their square', async () => {
      open({ shards: 64 }, { recordsPerSecondPerShard: 1e9, maxQueueRecords: 1e6 });
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      const startedAt = performance.now();
      // Measured at about 1 s for 50 000, half of it in the fake; a queue that is searched takes minutes.
      await at.time.settled(putAll(50_000, 200).then(() => at.writer.flush()));
      expect(performance.now() - startedAt).to.be.below(5_000);
      expectInOrder(50_000, 200);
    });
  });

  describe('faults', () => {
    it('retries partial failures without reordering a key: none missing, none twice', async () => {
      open();
      at.kinesis.failEntry = () => (random() < 0.3 ? 'InternalFailure' : null);
      await at.time.settled(putAll(2_000, 50).then(() => at.writer.flush()));
      expectInOrder(2_000, 50);
      expect(at.writer.stats().retried).to.be.above(500);
    });

    it('backs off from an entry that fails again and again', async () => {
      open();
      at.kinesis.failEntry = () => 'InternalFailure';
      await at.writer.put(recordOf('a', 'x'));
      await at.time.advance(20_000);
      // 50, 100, 200 ... 5000 ms.
      expect(at.kinesis.requests.length).to.be.within(8, 16);
    });

    it('survives every fault at once, with duplicates only where a reply was lost', async () => {
      open({ shards: 4, recordsPerSecond: 500 });
      at.kinesis.failEntry = () => (random() < 0.1 ? 'InternalFailure' : null);
      const done = putAll(3_000, 100).then(() => at.writer.flush());
      for (let round = 0; round < 5; round++) {
        await at.time.advance(300);
        at.kinesis.failRequests(2, TRANSIENT);
        at.kinesis.failRequests(1, TRANSIENT, true);
        if (round === 2) at.kinesis.split();
      }
      await at.time.settled(done);
      expect(at.kinesis.violations).to.deep.equal([]);
      let duplicates = 0;
      for (let key = 0; key < 100; key++) {
        const texts = at.kinesis.textsOf(`key-${key}`);
        const once = texts.filter((text, i) => text !== texts[i - 1]);
        duplicates += texts.length - once.length;
        expect(once).to.deep.equal(Array.from({ length: 30 }, (_, i) => textOf(key + i * 100)));
      }
      expect(duplicates).to.be.within(1, 5 * 500);
    });

    it('backs off from failing requests instead of hammering', async () => {
      open();
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      at.kinesis.failRequests(10_000, TRANSIENT);
      await putAll(100, 100);
      await at.time.advance(60_000);
      expect(at.kinesis.requests.length).to.be.below(80);
      expect(at.writer.stats().failedRequests).to.be.above(5);
    });

    it('takes requests that fail together for one failure', async () => {
      open({ shards: 64 });
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      at.kinesis.failRequests(4, TRANSIENT);
      const startedAt = at.time.clock.monotonic();
      await at.time.settled(putAll(2_000, 2_000).then(() => at.writer.flush()));
      expect(at.writer.stats().failedRequests).to.equal(4);
      // One pause of at most 100 ms, not 800.
      expect(at.time.clock.monotonic() - startedAt).to.be.below(200);
    });

    it('slows down only the shard that throttles', async () => {
      open({ shards: 2 });
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      at.kinesis.failEntry = (_, shardId) =>
        shardId === 'shard-0' ? 'ProvisionedThroughputExceededException' : null;
      await putAll(200, 200);
      await at.time.advance(1_500);
      const stored = at.kinesis.stored.filter((record) => record.text !== 'x');
      expect(stored.every((record) => record.shardId === 'shard-1')).to.equal(true);
      expect(stored.length).to.equal(200 - at.writer.stats().queued);
      expect(Math.max(...stored.map((record) => record.at))).to.be.below(100);
      // 50, 100, 200, 400 ms ...: a handful of attempts, not one each round trip.
      expect(at.kinesis.requests.length).to.be.below(15);
      at.kinesis.failEntry = () => null;
      await at.time.settled(at.writer.flush());
      expectInOrder(200, 200);
    });

    it('rejects the one record that Kinesis refuses, and sends the rest', async () => {
      open();
      at.kinesis.failEntry = (entry) => (entry.partitionKey === 'bad' ? 'KMSDisabledException' : null);
      const bad = at.writer.putAcknowledged(recordOf('bad', 'x'));
      const good = at.writer.putAcknowledged(recordOf('good', 'y'));
      expect((await rejection(bad)).code).to.equal('ERR_PUT_FAILED');
      await at.time.settled(good);
      expect(at.writer.stats()).to.include({ failed: 1, acknowledged: 1, queued: 0 });
    });

    it('reports a refused record at the next flush, once', async () => {
      open();
      at.kinesis.failEntry = (entry) => (entry.partitionKey === 'bad' ? 'KMSDisabledException' : null);
      await at.writer.put(recordOf('bad', 'x'));
      expect((await rejection(at.writer.flush())).message).to.match(/KMSDisabledException/);
      await at.time.settled(at.writer.flush());
    });
  });

  describe('limits', () => {
    const mostInOneSecond = (shardId: string, weight: 'records' | 'bytes'): number => {
      const stored = at.kinesis.stored.filter((record) => record.shardId === shardId);
      let most = 0;
      for (let first = 0, last = 0, sum = 0; last < stored.length; last++) {
        sum += weight === 'records' ? 1 : stored[last]!.bytes;
        while (stored[last]!.at - stored[first]!.at >= 1_000) {
          sum -= weight === 'records' ? 1 : stored[first]!.bytes;
          first += 1;
        }
        most = Math.max(most, sum);
      }
      return most;
    };

    it('keeps every shard at its records per second, and uses them', async () => {
      open({ shards: 2 }, { recordsPerSecondPerShard: 100 });
      await at.time.settled(putAll(2_000, 400).then(() => at.writer.flush()));
      expectInOrder(2_000, 400);
      for (const shardId of ['shard-0', 'shard-1']) {
        expect(mostInOneSecond(shardId, 'records')).to.be.within(80, 121);
      }
      expect(at.time.clock.monotonic()).to.be.within(9_000, 12_500);
    });

    it('keeps every shard at its bytes per second', async () => {
      open({ shards: 1 }, { bytesPerSecondPerShard: 100_000 });
      for (let n = 0; n < 500; n++) await at.writer.put(recordOf(`key-${n}`, textOf(n), 1_000));
      await at.time.settled(at.writer.flush());
      expect(mostInOneSecond('shard-0', 'bytes')).to.be.below(122_000);
      expect(at.time.clock.monotonic()).to.be.within(4_500, 6_000);
    });

    it('is not throttled by a stream with the real limits, also after a reshard', async () => {
      open({ shards: 2, recordsPerSecond: 1_000 });
      const done = putAll(20_000, 1_000).then(() => at.writer.flush());
      await at.time.advance(3_000);
      at.kinesis.split();
      await at.time.settled(done);
      expectInOrder(20_000, 1_000);
      expect(at.writer.stats().throttled).to.equal(0);
      // 2 shards for 3 s, then 4: the limiter followed.
      expect(at.time.clock.monotonic()).to.be.within(5_500, 7_500);
    });
  });

  describe('the shard map', () => {
    it('is fetched on the first put only', async () => {
      open();
      expect(at.kinesis.listCalls).to.equal(0);
      await at.time.settled(putAll(100, 10).then(() => at.writer.flush()));
      expect(at.kinesis.listCalls).to.equal(1);
    });

    it('is refreshed once when replies name other shards than predicted', async () => {
      open();
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      await at.time.advance(5_000);
      at.kinesis.split();
      await at.time.settled(putAll(2_000, 200).then(() => at.writer.flush()));
      expect(at.kinesis.listCalls).to.equal(2);
      expectInOrder(2_000, 200);
    });

    it('is fetched until it is there', async () => {
      open();
      at.kinesis.failListings(3, TRANSIENT);
      await at.time.settled(at.writer.putAcknowledged(recordOf('a', 'x')));
      expect(at.kinesis.listCalls).to.equal(4);
    });

    it('is fetched once at a time, however many replies ask for it meanwhile', async () => {
      open();
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      await at.time.advance(5_000);
      at.kinesis.split();
      at.kinesis.listLatencyMs = 300;
      await at.time.settled(putAll(2_000, 20).then(() => at.writer.flush()));
      expect(at.kinesis.requests.length).to.be.above(50);
      expect(at.kinesis.listCalls).to.equal(2);
    });

    it('is not asked for with every reply while ListShards lags behind a reshard', async () => {
      open();
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      await at.time.advance(5_000);
      at.kinesis.staleListing = shardsOf(4);
      at.kinesis.split();
      const startedAt = at.time.clock.monotonic();
      await at.time.settled(putAll(4_000, 10).then(() => at.writer.flush()));
      const seconds = (at.time.clock.monotonic() - startedAt) / 1_000;
      expect(at.kinesis.requests.length).to.be.above(100);
      expect(at.kinesis.listCalls).to.be.within(3, 2 + Math.ceil(seconds));
      at.kinesis.staleListing = null;
    });

    it('stays in use when a refresh fails', async () => {
      open();
      await at.time.settled(at.writer.putAcknowledged(recordOf('a', 'x')));
      await at.time.advance(5_000);
      at.kinesis.split();
      at.kinesis.failListings(1, DENIED);
      await at.time.settled(putAll(100, 10).then(() => at.writer.flush()));
      expect(at.kinesis.listCalls).to.equal(2);
      expectInOrder(100, 10);
    });
  });
});
