// How the writer pushes back, flushes, fails and closes.

import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import type { PutEntry } from '../../src/kinesis/api.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { PutRecord } from '../../src/sending/put-record.ts';
import { createRecordWriter } from '../../src/sending/record-writer.ts';
import { DENIED, writerFixture } from './record-writer-fixture.ts';

describe('record writer, its bounds and ends', () => {
  const at = writerFixture();
  const { open, recordOf, textOf, putAll, expectInOrder, rejection } = at;

  describe('back-pressure', () => {
    it('never holds more records than allowed, and lets waiting puts in by their order', async () => {
      open({ shards: 4 }, { maxQueueRecords: 50 });
      let acceptedPuts = 0;
      const puts = Array.from({ length: 500 }, (_, n) =>
        at.writer.put(recordOf(`key-${n % 20}`, textOf(n))).then(() => {
          acceptedPuts += 1;
        }),
      );
      await at.time.until(() => acceptedPuts > 0);
      expect(acceptedPuts).to.equal(50);
      expect(at.writer.stats()).to.include({ queued: 50, waiting: 450 });
      let most = 0;
      await at.time.until(() => {
        most = Math.max(most, at.writer.stats().queued);
        return acceptedPuts === 500;
      });
      expect(most).to.equal(50);
      await Promise.all(puts);
      await at.time.settled(at.writer.flush());
      expectInOrder(500, 20);
    });

    it('bounds bytes too, but lets a single larger record through', async () => {
      open({ shards: 4 }, { maxQueueBytes: 1_000 });
      const puts = [3_000, 600, 600, 300].map((bytes, n) =>
        at.writer.put(recordOf(`key-${n}`, textOf(n), bytes)),
      );
      await puts[0];
      expect(at.writer.stats()).to.include({ queued: 1, waiting: 3 });
      await at.time.settled(Promise.all(puts).then(() => at.writer.flush()));
      expectInOrder(4, 4);
    });

    it('lets no small record pass a large one that waits for room', async () => {
      open({ shards: 4 }, { maxQueueBytes: 1_000 });
      const puts = [600, 600, 300].map((bytes, n) => at.writer.put(recordOf('key-0', textOf(n), bytes)));
      await at.time.settled(Promise.all(puts).then(() => at.writer.flush()));
      expectInOrder(3, 1);
    });

    it('flush waits also for puts that still wait for room', async () => {
      open({ shards: 4 }, { maxQueueRecords: 1 });
      const puts = [0, 1, 2].map((n) => at.writer.put(recordOf(`key-${n}`, textOf(n))));
      await at.time.settled(at.writer.flush());
      expect(at.kinesis.stored).to.have.length(3);
      await Promise.all(puts);
    });
  });

  describe('flush', () => {
    it('is done at once when there is nothing', async () => {
      open();
      await at.writer.flush();
      await at.writer.flush();
      expect(at.kinesis.listCalls).to.equal(0);
    });

    it('does not wait for what is put after it', async () => {
      open({ shards: 1 });
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      await at.writer.put(recordOf('a', 'before'));
      const flushed = at.writer.flush();
      at.kinesis.failEntry = (entry) => (entry.partitionKey === 'b' ? 'InternalFailure' : null);
      await at.writer.put(recordOf('b', 'after'));
      await at.time.settled(flushed);
      expect(at.writer.stats().queued).to.equal(1);
    });
  });

  describe('fatal errors', () => {
    it('reject everything that waits, and every later put, with that error', async () => {
      open({ shards: 4 }, { maxQueueRecords: 2 });
      at.kinesis.failRequests(1, DENIED);
      const outcomes = await at.time.settled(
        Promise.allSettled([
          at.writer.putAcknowledged(recordOf('a', '1')),
          at.writer.putAcknowledged(recordOf('a', '2')),
          at.writer.putAcknowledged(recordOf('b', 'waits for room')),
          at.writer.put(recordOf('b', 'waits for room')),
          at.writer.flush(),
        ]),
      );
      expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).to.deep.equal(
        outcomes.map(() => DENIED),
      );
      expect(await rejection(at.writer.put(recordOf('c', '3')))).to.equal(DENIED);
      expect(await rejection(at.writer.flush())).to.equal(DENIED);
      const report = await at.writer.close({ deadlineMs: 1_000 });
      expect(report.error).to.equal(DENIED);
      expect(report.unsent.map((entry) => entry.partitionKey)).to.deep.equal(['a', 'a', 'b', 'b']);
      expect(at.time.pending()).to.equal(0);
    });

    it('of the first listing are as loud', async () => {
      open();
      const missing = new ShardpoolError('ERR_STREAM_NOT_FOUND', 'no such stream');
      at.kinesis.failListings(1, missing);
      expect(await rejection(at.writer.putAcknowledged(recordOf('a', 'x')))).to.equal(missing);
    });

    it('are also those that nobody thought of', async () => {
      open();
      const bug = new TypeError('x is not a function');
      at.kinesis.failRequests(1, bug);
      const [outcome] = await at.time.settled(
        Promise.allSettled([at.writer.putAcknowledged(recordOf('a', 'x'))]),
      );
      expect(outcome).to.deep.equal({ status: 'rejected', reason: bug });
    });
  });

  describe('close', () => {
    it('sends what is left, and ends with nothing scheduled', async () => {
      open();
      await putAll(1_000, 100);
      const report = await at.time.settled(at.writer.close({ deadlineMs: 30_000 }));
      expect(report).to.deep.equal({ unsent: [], failed: 0, error: null });
      expectInOrder(1_000, 100);
      expect(at.time.pending()).to.equal(0);
      expect(await rejection(at.writer.put(recordOf('a', 'late')))).to.have.property(
        'code',
        'ERR_INVALID_STATE',
      );
    });

    it('is idempotent, and at once when nothing was ever put', async () => {
      open();
      const first = at.writer.close({ deadlineMs: 1_000 });
      expect(at.writer.close({ deadlineMs: 5 })).to.equal(first);
      expect(await at.time.settled(first)).to.deep.equal({ unsent: [], failed: 0, error: null });
      expect(at.kinesis.listCalls).to.equal(0);
    });

    it('reports at its deadline what could not be sent, in order, also what waits for room', async () => {
      open({ shards: 1 }, { maxQueueRecords: 5 });
      await at.time.settled(at.writer.putAcknowledged(recordOf('first', 'x')));
      at.kinesis.hang();
      const puts = Array.from({ length: 8 }, (_, n) => at.writer.put(recordOf(`key-${n % 3}`, textOf(n))));
      const acknowledged = at.writer.putAcknowledged(recordOf('asked', textOf(8)));
      const outcomes = Promise.allSettled([...puts, acknowledged]);
      await at.time.advance(10);
      const startedAt = at.time.clock.monotonic();
      const report = await at.time.settled(at.writer.close({ deadlineMs: 700 }));
      expect(at.time.clock.monotonic() - startedAt).to.equal(700);
      expect(at.kinesis.aborted).to.be.above(0);
      expect(report.unsent.map((entry) => Buffer.from(entry.data).toString())).to.deep.equal(
        Array.from({ length: 9 }, (_, n) => textOf(n)),
      );
      expect((await outcomes).map((outcome) => outcome.status)).to.deep.equal([
        ...Array.from({ length: 5 }, () => 'fulfilled'),
        ...Array.from({ length: 4 }, () => 'rejected'),
      ]);
      expect((await rejection(acknowledged)).code).to.equal('ERR_PUT_FAILED');
      expect(at.time.pending()).to.equal(0);
      // What hangs in the network may still be answered; nobody listens.
      at.kinesis.resume();
      await at.time.advance(1_000);
      expect(at.writer.stats()).to.include({ queued: 0, acknowledged: 1 });
    });

    it('ignores a reply that comes after its end', async () => {
      open();
      const deaf = {
        ...at.kinesis.api,
        putRecords: (entries: readonly PutEntry[]) => at.kinesis.api.putRecords(entries),
      };
      const writer = createRecordWriter({ api: deaf, clock: at.time.clock, timers: at.time.timers });
      await at.time.settled(writer.putAcknowledged(recordOf('first', 'x')));
      at.kinesis.hang();
      await writer.put(recordOf('a', 'late'));
      await at.time.advance(10);
      expect((await at.time.settled(writer.close({ deadlineMs: 100 }))).unsent).to.have.length(1);
      at.kinesis.resume();
      await at.time.advance(1_000);
      expect(at.kinesis.stored).to.have.length(2);
      expect(writer.stats()).to.include({ queued: 0, acknowledged: 1, requestsInFlight: 0 });
    });

    it('leaves no timer of a retry or of a limit behind', async () => {
      open({ shards: 1 }, { recordsPerSecondPerShard: 10 });
      at.kinesis.failEntry = (entry) => (entry.partitionKey < 'key-5' ? 'InternalFailure' : null);
      await putAll(100, 100);
      await at.time.advance(200);
      const { unsent } = await at.time.settled(at.writer.close({ deadlineMs: 100 }));
      expect(unsent.length + at.kinesis.stored.length).to.equal(100);
      expect(at.time.pending()).to.equal(0);
    });
  });

  describe('the signal', () => {
    it('gives up at once: everything waiting is rejected with ERR_STOPPED', async () => {
      const aborter = new AbortController();
      open({ shards: 4 }, { signal: aborter.signal });
      at.kinesis.hang();
      const waiting = at.writer.putAcknowledged(recordOf('a', 'x'));
      await at.time.advance(10);
      aborter.abort();
      expect((await rejection(waiting)).code).to.equal('ERR_STOPPED');
      expect((await rejection(at.writer.put(recordOf('b', 'y')))).code).to.equal('ERR_STOPPED');
      const report = await at.writer.close({ deadlineMs: 1_000 });
      expect(report.unsent).to.have.length(1);
      expect(at.time.pending()).to.equal(0);
    });

    it('is let go at the close', async () => {
      const { signal } = new AbortController();
      open({ shards: 4 }, { signal });
      expect(getEventListeners(signal, 'abort')).to.have.length(1);
      await at.time.settled(at.writer.close({ deadlineMs: 0 }));
      expect(getEventListeners(signal, 'abort')).to.have.length(0);
    });

    it('that is aborted already accepts nothing', async () => {
      open({ shards: 4 }, { signal: AbortSignal.abort() });
      expect((await rejection(at.writer.put(recordOf('b', 'y')))).code).to.equal('ERR_STOPPED');
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
        const error = await rejection(at.writer.put(record));
        expect(error.code).to.equal('ERR_INVALID_OPTION');
        expect(error.message).to.match(message);
        expect(at.writer.stats().queued).to.equal(0);
      });
    }

    it('takes 256 characters outside the basic plane, and exactly 1 MiB', async () => {
      open();
      await at.writer.put(recordOf('\u{1F600}'.repeat(256), 'x'));
      await at.writer.put({ ...valid, data: new Uint8Array(2 ** 20 - 1) });
      await at.time.settled(at.writer.flush());
      expect(at.kinesis.stored).to.have.length(2);
    });
  });
});
