// The writer against a fake Kinesis with faults: nothing missing, order per key, limits, back-pressure, loud ends.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import type { PutEntry } from '../../src/kinesis/api.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { PutRecord } from '../../src/sending/put-record.ts';
import {
  createRecordWriter,
  type RecordWriter,
  type RecordWriterOptions,
} from '../../src/sending/record-writer.ts';
import { FakeKinesis, type FakeKinesisOptions, shardsOf } from './fake-kinesis.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

const TRANSIENT = new ShardpoolError('ERR_CONNECTION', 'socket hang up', { retryable: true });
const DENIED = new ShardpoolError('ERR_ACCESS_DENIED', 'not allowed');

describe('record writer', () => {
  let time: VirtualTime;
  let kinesis: FakeKinesis;
  let writer: RecordWriter;
  /** Deterministic: the same faults in every run. */
  let random: () => number;

  const open = (
    fake: FakeKinesisOptions = { shards: 4 },
    options: Partial<RecordWriterOptions> = {},
  ): void => {
    kinesis = new FakeKinesis(time, fake);
    writer = createRecordWriter({
      api: kinesis.api,
      clock: time.clock,
      timers: time.timers,
      random,
      ...options,
    });
  };

  const recordOf = (partitionKey: string, text: string, bytes = 0): PutRecord => {
    const data = new Uint8Array(Math.max(bytes, text.length));
    data.set(Buffer.from(text));
    return { data, partitionKey, explicitHashKey: null };
  };

  const textOf = (n: number): string => `#${n};`;

  /** Puts `count` records round robin over the keys; resolves when all are accepted. */
  const putAll = async (count: number, keys: number): Promise<void> => {
    for (let n = 0; n < count; n++) await writer.put(recordOf(`key-${n % keys}`, textOf(n)));
  };

  const expectInOrder = (count: number, keys: number): void => {
    expect(kinesis.violations).to.deep.equal([]);
    for (let key = 0; key < keys; key++) {
      const expected = Array.from({ length: Math.ceil((count - key) / keys) }, (_, i) =>
        textOf(key + i * keys),
      );
      expect(kinesis.textsOf(`key-${key}`)).to.deep.equal(expected);
    }
  };

  const rejection = async (promise: Promise<unknown>): Promise<ShardpoolError> => {
    const outcome = await time.settled(
      promise.then(
        () => null,
        (reason: unknown) => reason,
      ),
    );
    expect(outcome).to.be.instanceOf(ShardpoolError);
    return outcome as ShardpoolError;
  };

  // mocha lets unhandled rejections pass.
  const unhandled: unknown[] = [];
  const noteUnhandled = (reason: unknown) => {
    unhandled.push(reason);
  };
  before(() => process.on('unhandledRejection', noteUnhandled));
  after(() => process.off('unhandledRejection', noteUnhandled));
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled.splice(0), 'unhandled rejections').to.deep.equal([]);
  });

  beforeEach(() => {
    time = createVirtualTime();
    let seed = 42;
    random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
  });

  describe('sending', () => {
    it('writes 10 000 records of 200 keys once each, in order, in well filled requests', async () => {
      open({ shards: 8 });
      await time.settled(putAll(10_000, 200).then(() => writer.flush()));
      expect(kinesis.stored).to.have.length(10_000);
      expectInOrder(10_000, 200);
      expect(kinesis.requests.length).to.be.below(300);
    });

    it('acknowledges with shard and sequence number', async () => {
      open();
      const { shardId, sequenceNumber } = await time.settled(writer.putAcknowledged(recordOf('a', 'x')));
      expect(kinesis.stored).to.have.length(1);
      expect(kinesis.stored[0]).to.include({ shardId, sequenceNumber, text: 'x' });
    });

    it('has several requests in flight, but no more than allowed', async () => {
      open({ shards: 64, latencyMs: 200 }, { maxInFlight: 3 });
      await time.settled(putAll(5_000, 5_000).then(() => writer.flush()));
      expect(kinesis.maxRequestsInFlight).to.equal(3);
      expectInOrder(5_000, 5_000);
    });

    it('never has two records of one key in flight, also with different hash keys', async () => {
      open();
      for (let n = 0; n < 20; n++) {
        const explicitHashKey = String(2n ** 126n * BigInt(n % 4));
        await writer.put({ ...recordOf('one', textOf(n)), explicitHashKey });
      }
      await time.settled(writer.flush());
      expect(kinesis.violations).to.deep.equal([]);
      expect(kinesis.requests).to.have.length(20);
      expect(kinesis.textsOf('one')).to.deep.equal(Array.from({ length: 20 }, (_, n) => textOf(n)));
      expect(new Set(kinesis.stored.map((record) => record.shardId)).size).to.equal(4);
    });

    it('keeps requests below 5 MiB with keys, and 500 records', async () => {
      open({ shards: 64 });
      const large = 2 ** 20 - 10;
      for (let n = 0; n < 30; n++) await writer.put(recordOf(`key-${n}`, textOf(n), large));
      await time.settled(writer.flush());
      expect(kinesis.violations).to.deep.equal([]);
      expect(Math.max(...kinesis.requests.map((request) => request.records))).to.be.within(4, 5);
    });

    it('takes time that grows with the records, not with their square', async () => {
      open({ shards: 64 }, { recordsPerSecondPerShard: 1e9, maxQueueRecords: 1e6 });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      const startedAt = performance.now();
      // Measured at about 1 s for 50 000, half of it in the fake; a queue that is searched takes minutes.
      await time.settled(putAll(50_000, 200).then(() => writer.flush()));
      expect(performance.now() - startedAt).to.be.below(5_000);
      expectInOrder(50_000, 200);
    });
  });

  describe('faults', () => {
    it('retries partial failures without reordering a key: none missing, none twice', async () => {
      open();
      kinesis.failEntry = () => (random() < 0.3 ? 'InternalFailure' : null);
      await time.settled(putAll(2_000, 50).then(() => writer.flush()));
      expectInOrder(2_000, 50);
      expect(writer.stats().retried).to.be.above(500);
    });

    it('backs off from an entry that fails again and again', async () => {
      open();
      kinesis.failEntry = () => 'InternalFailure';
      await writer.put(recordOf('a', 'x'));
      await time.advance(20_000);
      // 50, 100, 200 ... 5000 ms.
      expect(kinesis.requests.length).to.be.within(8, 16);
    });

    it('survives every fault at once, with duplicates only where a reply was lost', async () => {
      open({ shards: 4, recordsPerSecond: 500 });
      kinesis.failEntry = () => (random() < 0.1 ? 'InternalFailure' : null);
      const done = putAll(3_000, 100).then(() => writer.flush());
      for (let round = 0; round < 5; round++) {
        await time.advance(300);
        kinesis.failRequests(2, TRANSIENT);
        kinesis.failRequests(1, TRANSIENT, true);
        if (round === 2) kinesis.split();
      }
      await time.settled(done);
      expect(kinesis.violations).to.deep.equal([]);
      let duplicates = 0;
      for (let key = 0; key < 100; key++) {
        const texts = kinesis.textsOf(`key-${key}`);
        const once = texts.filter((text, i) => text !== texts[i - 1]);
        duplicates += texts.length - once.length;
        expect(once).to.deep.equal(Array.from({ length: 30 }, (_, i) => textOf(key + i * 100)));
      }
      expect(duplicates).to.be.within(1, 5 * 500);
    });

    it('backs off from failing requests instead of hammering', async () => {
      open();
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      kinesis.failRequests(10_000, TRANSIENT);
      await putAll(100, 100);
      await time.advance(60_000);
      expect(kinesis.requests.length).to.be.below(80);
      expect(writer.stats().failedRequests).to.be.above(5);
    });

    it('takes requests that fail together for one failure', async () => {
      open({ shards: 64 });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      kinesis.failRequests(4, TRANSIENT);
      const startedAt = time.clock.monotonic();
      await time.settled(putAll(2_000, 2_000).then(() => writer.flush()));
      expect(writer.stats().failedRequests).to.equal(4);
      // One pause of at most 100 ms, not 800.
      expect(time.clock.monotonic() - startedAt).to.be.below(200);
    });

    it('slows down only the shard that throttles', async () => {
      open({ shards: 2 });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      kinesis.failEntry = (_, shardId) =>
        shardId === 'shard-0' ? 'ProvisionedThroughputExceededException' : null;
      await putAll(200, 200);
      await time.advance(1_500);
      const stored = kinesis.stored.filter((record) => record.text !== 'x');
      expect(stored.every((record) => record.shardId === 'shard-1')).to.equal(true);
      expect(stored.length).to.equal(200 - writer.stats().queued);
      expect(Math.max(...stored.map((record) => record.at))).to.be.below(100);
      // 50, 100, 200, 400 ms ...: a handful of attempts, not one each round trip.
      expect(kinesis.requests.length).to.be.below(15);
      kinesis.failEntry = () => null;
      await time.settled(writer.flush());
      expectInOrder(200, 200);
    });

    it('rejects the one record that Kinesis refuses, and sends the rest', async () => {
      open();
      kinesis.failEntry = (entry) => (entry.partitionKey === 'bad' ? 'KMSDisabledException' : null);
      const bad = writer.putAcknowledged(recordOf('bad', 'x'));
      const good = writer.putAcknowledged(recordOf('good', 'y'));
      expect((await rejection(bad)).code).to.equal('ERR_PUT_FAILED');
      await time.settled(good);
      expect(writer.stats()).to.include({ failed: 1, acknowledged: 1, queued: 0 });
    });

    it('reports a refused record at the next flush, once', async () => {
      open();
      kinesis.failEntry = (entry) => (entry.partitionKey === 'bad' ? 'KMSDisabledException' : null);
      await writer.put(recordOf('bad', 'x'));
      expect((await rejection(writer.flush())).message).to.match(/KMSDisabledException/);
      await time.settled(writer.flush());
    });
  });

  describe('limits', () => {
    const mostInOneSecond = (shardId: string, weight: 'records' | 'bytes'): number => {
      const stored = kinesis.stored.filter((record) => record.shardId === shardId);
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
      await time.settled(putAll(2_000, 400).then(() => writer.flush()));
      expectInOrder(2_000, 400);
      for (const shardId of ['shard-0', 'shard-1']) {
        expect(mostInOneSecond(shardId, 'records')).to.be.within(80, 121);
      }
      expect(time.clock.monotonic()).to.be.within(9_000, 12_500);
    });

    it('keeps every shard at its bytes per second', async () => {
      open({ shards: 1 }, { bytesPerSecondPerShard: 100_000 });
      for (let n = 0; n < 500; n++) await writer.put(recordOf(`key-${n}`, textOf(n), 1_000));
      await time.settled(writer.flush());
      expect(mostInOneSecond('shard-0', 'bytes')).to.be.below(122_000);
      expect(time.clock.monotonic()).to.be.within(4_500, 6_000);
    });

    it('is not throttled by a stream with the real limits, also after a reshard', async () => {
      open({ shards: 2, recordsPerSecond: 1_000 });
      const done = putAll(20_000, 1_000).then(() => writer.flush());
      await time.advance(3_000);
      kinesis.split();
      await time.settled(done);
      expectInOrder(20_000, 1_000);
      expect(writer.stats().throttled).to.equal(0);
      // 2 shards for 3 s, then 4: the limiter followed.
      expect(time.clock.monotonic()).to.be.within(5_500, 7_500);
    });
  });

  describe('the shard map', () => {
    it('is fetched on the first put only', async () => {
      open();
      expect(kinesis.listCalls).to.equal(0);
      await time.settled(putAll(100, 10).then(() => writer.flush()));
      expect(kinesis.listCalls).to.equal(1);
    });

    it('is refreshed once when replies name other shards than predicted', async () => {
      open();
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      await time.advance(5_000);
      kinesis.split();
      await time.settled(putAll(2_000, 200).then(() => writer.flush()));
      expect(kinesis.listCalls).to.equal(2);
      expectInOrder(2_000, 200);
    });

    it('is fetched until it is there', async () => {
      open();
      kinesis.failListings(3, TRANSIENT);
      await time.settled(writer.putAcknowledged(recordOf('a', 'x')));
      expect(kinesis.listCalls).to.equal(4);
    });

    it('is fetched once at a time, however many replies ask for it meanwhile', async () => {
      open();
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      await time.advance(5_000);
      kinesis.split();
      kinesis.listLatencyMs = 300;
      await time.settled(putAll(2_000, 20).then(() => writer.flush()));
      expect(kinesis.requests.length).to.be.above(50);
      expect(kinesis.listCalls).to.equal(2);
    });

    it('is not asked for with every reply while ListShards lags behind a reshard', async () => {
      open();
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      await time.advance(5_000);
      kinesis.staleListing = shardsOf(4);
      kinesis.split();
      const startedAt = time.clock.monotonic();
      await time.settled(putAll(4_000, 10).then(() => writer.flush()));
      const seconds = (time.clock.monotonic() - startedAt) / 1_000;
      expect(kinesis.requests.length).to.be.above(100);
      expect(kinesis.listCalls).to.be.within(3, 2 + Math.ceil(seconds));
      kinesis.staleListing = null;
    });

    it('stays in use when a refresh fails', async () => {
      open();
      await time.settled(writer.putAcknowledged(recordOf('a', 'x')));
      await time.advance(5_000);
      kinesis.split();
      kinesis.failListings(1, DENIED);
      await time.settled(putAll(100, 10).then(() => writer.flush()));
      expect(kinesis.listCalls).to.equal(2);
      expectInOrder(100, 10);
    });
  });

  describe('back-pressure', () => {
    it('never holds more records than allowed, and lets waiting puts in by their order', async () => {
      open({ shards: 4 }, { maxQueueRecords: 50 });
      let acceptedPuts = 0;
      const puts = Array.from({ length: 500 }, (_, n) =>
        writer.put(recordOf(`key-${n % 20}`, textOf(n))).then(() => {
          acceptedPuts += 1;
        }),
      );
      await time.until(() => acceptedPuts > 0);
      expect(acceptedPuts).to.equal(50);
      expect(writer.stats()).to.include({ queued: 50, waiting: 450 });
      let most = 0;
      await time.until(() => {
        most = Math.max(most, writer.stats().queued);
        return acceptedPuts === 500;
      });
      expect(most).to.equal(50);
      await Promise.all(puts);
      await time.settled(writer.flush());
      expectInOrder(500, 20);
    });

    it('bounds bytes too, but lets a single larger record through', async () => {
      open({ shards: 4 }, { maxQueueBytes: 1_000 });
      const puts = [3_000, 600, 600, 300].map((bytes, n) =>
        writer.put(recordOf(`key-${n}`, textOf(n), bytes)),
      );
      await puts[0];
      expect(writer.stats()).to.include({ queued: 1, waiting: 3 });
      await time.settled(Promise.all(puts).then(() => writer.flush()));
      expectInOrder(4, 4);
    });

    it('lets no small record pass a large one that waits for room', async () => {
      open({ shards: 4 }, { maxQueueBytes: 1_000 });
      const puts = [600, 600, 300].map((bytes, n) => writer.put(recordOf('key-0', textOf(n), bytes)));
      await time.settled(Promise.all(puts).then(() => writer.flush()));
      expectInOrder(3, 1);
    });

    it('flush waits also for puts that still wait for room', async () => {
      open({ shards: 4 }, { maxQueueRecords: 1 });
      const puts = [0, 1, 2].map((n) => writer.put(recordOf(`key-${n}`, textOf(n))));
      await time.settled(writer.flush());
      expect(kinesis.stored).to.have.length(3);
      await Promise.all(puts);
    });
  });

  describe('flush', () => {
    it('is done at once when there is nothing', async () => {
      open();
      await writer.flush();
      await writer.flush();
      expect(kinesis.listCalls).to.equal(0);
    });

    it('does not wait for what is put after it', async () => {
      open({ shards: 1 });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      await writer.put(recordOf('a', 'before'));
      const flushed = writer.flush();
      kinesis.failEntry = (entry) => (entry.partitionKey === 'b' ? 'InternalFailure' : null);
      await writer.put(recordOf('b', 'after'));
      await time.settled(flushed);
      expect(writer.stats().queued).to.equal(1);
    });
  });

  describe('fatal errors', () => {
    it('reject everything that waits, and every later put, with that error', async () => {
      open({ shards: 4 }, { maxQueueRecords: 2 });
      kinesis.failRequests(1, DENIED);
      const outcomes = await time.settled(
        Promise.allSettled([
          writer.putAcknowledged(recordOf('a', '1')),
          writer.putAcknowledged(recordOf('a', '2')),
          writer.putAcknowledged(recordOf('b', 'waits for room')),
          writer.put(recordOf('b', 'waits for room')),
          writer.flush(),
        ]),
      );
      expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).to.deep.equal(
        outcomes.map(() => DENIED),
      );
      expect(await rejection(writer.put(recordOf('c', '3')))).to.equal(DENIED);
      expect(await rejection(writer.flush())).to.equal(DENIED);
      const report = await writer.close({ deadlineMs: 1_000 });
      expect(report.error).to.equal(DENIED);
      expect(report.unsent.map((entry) => entry.partitionKey)).to.deep.equal(['a', 'a', 'b', 'b']);
      expect(time.pending()).to.equal(0);
    });

    it('of the first listing are as loud', async () => {
      open();
      const missing = new ShardpoolError('ERR_STREAM_NOT_FOUND', 'no such stream');
      kinesis.failListings(1, missing);
      expect(await rejection(writer.putAcknowledged(recordOf('a', 'x')))).to.equal(missing);
    });

    it('are also those that nobody thought of', async () => {
      open();
      const bug = new TypeError('x is not a function');
      kinesis.failRequests(1, bug);
      const [outcome] = await time.settled(Promise.allSettled([writer.putAcknowledged(recordOf('a', 'x'))]));
      expect(outcome).to.deep.equal({ status: 'rejected', reason: bug });
    });
  });

  describe('close', () => {
    it('sends what is left, and ends with nothing scheduled', async () => {
      open();
      await putAll(1_000, 100);
      const report = await time.settled(writer.close({ deadlineMs: 30_000 }));
      expect(report).to.deep.equal({ unsent: [], failed: 0, error: null });
      expectInOrder(1_000, 100);
      expect(time.pending()).to.equal(0);
      expect(await rejection(writer.put(recordOf('a', 'late')))).to.have.property(
        'code',
        'ERR_INVALID_STATE',
      );
    });

    it('is idempotent, and at once when nothing was ever put', async () => {
      open();
      const first = writer.close({ deadlineMs: 1_000 });
      expect(writer.close({ deadlineMs: 5 })).to.equal(first);
      expect(await time.settled(first)).to.deep.equal({ unsent: [], failed: 0, error: null });
      expect(kinesis.listCalls).to.equal(0);
    });

    it('reports at its deadline what could not be sent, in order, also what waits for room', async () => {
      open({ shards: 1 }, { maxQueueRecords: 5 });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      kinesis.hang();
      const puts = Array.from({ length: 8 }, (_, n) => writer.put(recordOf(`key-${n % 3}`, textOf(n))));
      const acknowledged = writer.putAcknowledged(recordOf('asked', textOf(8)));
      const outcomes = Promise.allSettled([...puts, acknowledged]);
      await time.advance(10);
      const startedAt = time.clock.monotonic();
      const report = await time.settled(writer.close({ deadlineMs: 700 }));
      expect(time.clock.monotonic() - startedAt).to.equal(700);
      expect(kinesis.aborted).to.be.above(0);
      expect(report.unsent.map((entry) => Buffer.from(entry.data).toString())).to.deep.equal(
        Array.from({ length: 9 }, (_, n) => textOf(n)),
      );
      expect((await outcomes).map((outcome) => outcome.status)).to.deep.equal([
        ...Array.from({ length: 5 }, () => 'fulfilled'),
        ...Array.from({ length: 4 }, () => 'rejected'),
      ]);
      expect((await rejection(acknowledged)).code).to.equal('ERR_PUT_FAILED');
      expect(time.pending()).to.equal(0);
      // What hangs in the network may still be answered; nobody listens.
      kinesis.resume();
      await time.advance(1_000);
      expect(writer.stats()).to.include({ queued: 0, acknowledged: 1 });
    });

    it('ignores a reply that comes after its end', async () => {
      open();
      const deaf = {
        ...kinesis.api,
        putRecords: (entries: readonly PutEntry[]) => kinesis.api.putRecords(entries),
      };
      writer = createRecordWriter({ api: deaf, clock: time.clock, timers: time.timers });
      await time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      kinesis.hang();
      await writer.put(recordOf('a', 'late'));
      await time.advance(10);
      expect((await time.settled(writer.close({ deadlineMs: 100 }))).unsent).to.have.length(1);
      kinesis.resume();
      await time.advance(1_000);
      expect(kinesis.stored).to.have.length(2);
      expect(writer.stats()).to.include({ queued: 0, acknowledged: 1, requestsInFlight: 0 });
    });

    it('leaves no timer of a retry or of a limit behind', async () => {
      open({ shards: 1 }, { recordsPerSecondPerShard: 10 });
      kinesis.failEntry = (entry) => (entry.partitionKey < 'key-5' ? 'InternalFailure' : null);
      await putAll(100, 100);
      await time.advance(200);
      const { unsent } = await time.settled(writer.close({ deadlineMs: 100 }));
      expect(unsent.length + kinesis.stored.length).to.equal(100);
      expect(time.pending()).to.equal(0);
    });
  });

  describe('the signal', () => {
    it('gives up at once: everything waiting is rejected with ERR_STOPPED', async () => {
      const aborter = new AbortController();
      open({ shards: 4 }, { signal: aborter.signal });
      kinesis.hang();
      const waiting = writer.putAcknowledged(recordOf('a', 'x'));
      await time.advance(10);
      aborter.abort();
      expect((await rejection(waiting)).code).to.equal('ERR_STOPPED');
      expect((await rejection(writer.put(recordOf('b', 'y')))).code).to.equal('ERR_STOPPED');
      const report = await writer.close({ deadlineMs: 1_000 });
      expect(report.unsent).to.have.length(1);
      expect(time.pending()).to.equal(0);
    });

    it('is let go at the close', async () => {
      const { signal } = new AbortController();
      open({ shards: 4 }, { signal });
      expect(getEventListeners(signal, 'abort')).to.have.length(1);
      await time.settled(writer.close({ deadlineMs: 0 }));
      expect(getEventListeners(signal, 'abort')).to.have.length(0);
    });

    it('that is aborted already accepts nothing', async () => {
      open({ shards: 4 }, { signal: AbortSignal.abort() });
      expect((await rejection(writer.put(recordOf('b', 'y')))).code).to.equal('ERR_STOPPED');
    });
  });

  describe('checks', () => {
    const valid = recordOf('a', 'x');
    const cases: readonly { title: string; record: PutRecord; message: RegExp }[] = [
      { title: 'an empty key', record: { ...valid, partitionKey: '' }, message: /not empty/ },
      {
        title: 'a key that is no string',
        record: { ...valid, partitionKey: 7 as unknown as string },
        message: /partitionKey/,
      },
      {
        title: 'a key of 257 characters',
        record: { ...valid, partitionKey: 'ü'.repeat(257) },
        message: /at most 256 characters, got 257/,
      },
      {
        title: 'data that are no bytes',
        record: { ...valid, data: 'x' as unknown as Uint8Array },
        message: /Uint8Array, got string/,
      },
      {
        title: 'data and key of more than 1 MiB',
        record: { ...valid, data: new Uint8Array(2 ** 20) },
        message: /at most 1048576 bytes, got 1048577/,
      },
      {
        title: 'a hash key out of range',
        record: { ...valid, explicitHashKey: '-1' },
        message: /explicitHashKey/,
      },
    ];
    for (const { title, record, message } of cases) {
      it(`refuses ${title}`, async () => {
        open();
        const error = await rejection(writer.put(record));
        expect(error.code).to.equal('ERR_INVALID_OPTION');
        expect(error.message).to.match(message);
        expect(writer.stats().queued).to.equal(0);
      });
    }

    it('takes 256 characters outside the basic plane, and exactly 1 MiB', async () => {
      open();
      await writer.put(recordOf('\u{1F600}'.repeat(256), 'x'));
      await writer.put({ ...valid, data: new Uint8Array(2 ** 20 - 1) });
      await time.settled(writer.flush());
      expect(kinesis.stored).to.have.length(2);
    });
  });
});
