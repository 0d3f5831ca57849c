import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { Packr } from 'msgpackr';
import { aggregate } from '../codec/aggregate.ts';
import { type Batch, type HandlerContext, ShardpoolError, type StreamRecord } from '../../src/index.ts';
import { ConsumerRun, moduleUrl } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { within } from '../support/until.ts';
import type { DescribedRecord } from './handlers/describing.ts';

const WITHIN_MS = 15_000;
const MIB = 2 ** 20;
const UNICODE = 'clé-鍵-🔑-\u0000-ключ';
const HASH_KEY = '340282366920938463463374607431768211455';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const text = (value: string) => Buffer.from(value);

describe('record formats', function () {
  this.timeout(30_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer({ limits: false });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  let streams = 0;
  const createStream = async (shards = 1) => {
    const stream = `formats-${(streams += 1)}`;
    await server.createStream(stream, shards);
    return stream;
  };

  for (const placement of PLACEMENTS) {
    /** Puts the records, reads them with the processor, and returns what the handler saw of `count` user records. */
    const roundTrip = async (
      processor: string | { readonly name: string; readonly compression?: string } | { readonly module: URL },
      records: readonly { data: Uint8Array; partitionKey?: string; explicitHashKey?: string }[],
      count = records.length,
    ): Promise<DescribedRecord[]> => {
      const stream = await createStream();
      await server.simulator.put(
        stream,
        records.map((record) => ({ partitionKey: 'key', ...record })),
      );
      const options = { stream, processor: processor as 'json', threads: 1, ...placement.options };
      await using run = new ConsumerRun(server, { module: 'describing' }, options);
      const described = () =>
        run.reports.of('note').map(({ text: note }) => JSON.parse(note) as DescribedRecord);
      await run.until(`${count} records are there`, WITHIN_MS, () => described().length >= count);
      expect(await run.stop()).to.equal(null);
      expect(run.of('handler:failed')).to.be.empty;
      const found = described();
      expect(found).to.have.length(count);
      expect(new Set(found.map(({ id }) => id)).size, 'different ids').to.equal(count);
      return found;
    };

    describe(placement.title, () => {
      it('json: values of every kind, Unicode keys and values, white space', async () => {
        const values = [{ a: [1, null, true] }, 'text', 0, null, [UNICODE], {}];
        const found = await roundTrip('json', [
          ...values.map((value) => ({ data: json(value), partitionKey: UNICODE })),
          { data: text(' {"spaced" : 1}\n') },
        ]);
        expect(found.map(({ value }) => value)).to.deep.equal([...values, { spaced: 1 }]);
        expect(found[0]!.partitionKey).to.equal(UNICODE);
        expect(
          found.every(({ aggregated, subSequenceNumber }) => !aggregated && subSequenceNumber === 0),
        ).to.equal(true);
      });

      it('string and bytes: empty data too, and bytes as they were put', async () => {
        const strings = await roundTrip('string', [{ data: text('') }, { data: text(UNICODE) }]);
        expect(strings.map(({ value }) => value)).to.deep.equal(['', UNICODE]);
        const all = Uint8Array.from({ length: 256 }, (_, i) => i);
        const bytes = await roundTrip('bytes', [{ data: all }, { data: new Uint8Array(0) }]);
        expect(bytes.map(({ hex }) => hex)).to.deep.equal([Buffer.from(all).toString('hex'), '']);
      });

      it('kpl-json: aggregates between plain records, in order, with keys and explicit hash keys', async () => {
        const inner = aggregate({
          keys: ['inner-a', UNICODE],
          hashKeys: [HASH_KEY, '0'],
          records: [
            { data: json({ n: 1 }), key: 0, hashKey: 0 },
            { data: json({ n: 2 }), key: 1 },
            { data: json({ n: 3 }), key: 0, hashKey: 1 },
          ],
        });
        const found = await roundTrip(
          'kpl-json',
          [
            { data: json({ n: 0 }), partitionKey: 'outer' },
            { data: inner, partitionKey: 'a' },
            { data: json({ n: 4 }) },
          ],
          5,
        );
        expect(found.map(({ value }) => value)).to.deep.equal([0, 1, 2, 3, 4].map((n) => ({ n })));
        expect(found.map(({ partitionKey }) => partitionKey)).to.deep.equal([
          'outer',
          'inner-a',
          UNICODE,
          'inner-a',
          'key',
        ]);
        expect(found.map(({ explicitHashKey }) => explicitHashKey)).to.deep.equal([
          null,
          HASH_KEY,
          null,
          '0',
          null,
        ]);
        expect(found.map(({ subSequenceNumber }) => subSequenceNumber)).to.deep.equal([0, 0, 1, 2, 0]);
        expect(found.map(({ aggregated }) => aggregated)).to.deep.equal([false, true, true, true, false]);
        expect(new Set(found.slice(1, 4).map(({ sequenceNumber }) => sequenceNumber)).size).to.equal(1);
      });

      it('auto: aggregates are taken apart, broken ones delivered whole', async () => {
        const good = aggregate({
          keys: ['k'],
          records: [
            { data: text('one'), key: 0 },
            { data: text(''), key: 0 },
          ],
        });
        const broken = Buffer.from(good);
        broken[broken.length - 1]! ^= 1;
        const found = await roundTrip('auto', [{ data: text('plain') }, { data: good }, { data: broken }], 4);
        expect(found.map(({ hex }) => hex)).to.deep.equal(
          [text('plain'), text('one'), text(''), broken].map((data) => data.toString('hex')),
        );
      });

      it('json-lines, json-list and msgpack: frames of one Kinesis record are user records, in order', async () => {
        const values = [{ n: 1 }, [UNICODE], 'text', null, 4];
        const whole = (found: readonly DescribedRecord[]) => {
          expect(found.map(({ value }) => value)).to.deep.equal(values);
          expect(found.map(({ subSequenceNumber }) => subSequenceNumber)).to.deep.equal([0, 1, 2, 3, 0]);
          expect(found.map(({ aggregated }) => aggregated)).to.deep.equal([true, true, true, true, true]);
        };
        const [first, last] = [values.slice(0, 4), values.slice(4)];
        const lines = (part: unknown[]) => text(part.map((value) => `${JSON.stringify(value)}\r\n`).join(''));
        whole(await roundTrip('json-lines', [{ data: lines(first) }, { data: lines(last) }], 5));
        const elements = { name: 'json-list', elements: true };
        whole(await roundTrip(elements, [{ data: json(first) }, { data: json(last) }], 5));
        const packr = new Packr({ useRecords: false, variableMapSize: true });
        const netstrings = (part: unknown[]) =>
          Buffer.concat(
            part.flatMap((value) => {
              const packed = packr.pack(value);
              return [text(`${packed.length}:`), packed, text(',')];
            }),
          );
        whole(await roundTrip('msgpack', [{ data: netstrings(first) }, { data: netstrings(last) }], 5));
        const list = await roundTrip('json-list', [{ data: json(first) }]);
        expect(list.map(({ value }) => value)).to.deep.equal([first]);
      });

      it('kpl-string and kpl-msgpack: as kpl-json, with other values', async () => {
        const of = (...data: Buffer[]) =>
          aggregate({ keys: ['k'], records: data.map((each) => ({ data: each, key: 0 })) });
        const strings = await roundTrip(
          'kpl-string',
          [{ data: of(text('a'), text(UNICODE)) }, { data: text('c') }],
          3,
        );
        expect(strings.map(({ value }) => value)).to.deep.equal(['a', UNICODE, 'c']);
        const packed = await roundTrip('kpl-msgpack', [{ data: of(text('\u0001'), text('\u0002')) }], 2);
        expect(packed.map(({ value }) => value)).to.deep.equal([1, 2]);
      });

      it('compressed records, whole and inside of aggregates', async () => {
        const values = [1, 2, 3].map((n) => ({ n, text: 'x'.repeat(1_000) }));
        const lines = gzipSync(values.map((value) => JSON.stringify(value)).join('\n'));
        const inLines = await roundTrip({ name: 'json-lines', compression: 'gzip' }, [{ data: lines }], 3);
        expect(inLines.map(({ value }) => value)).to.deep.equal(values);
        const records = values.map((value) => ({ data: brotliCompressSync(json(value)), key: 0 }));
        const data = aggregate({ keys: ['k'], records });
        const inside = await roundTrip({ name: 'kpl-json', compression: 'brotli' }, [{ data }], 3);
        expect(inside.map(({ value }) => value)).to.deep.equal(values);
        // As they are in memory: inflated, which is what counts against the budget.
        expect(inside.every(({ bytes }) => bytes > 1_000)).to.equal(true);
      });

      it('a module with aggregator, compression and transform, which runs in the fetch thread', async () => {
        const values = [{ n: 1 }, { n: 2 }, { n: 3 }];
        const sealed = values.map((value) => Buffer.from(json(value).map((byte) => byte + 5)));
        const data = gzipSync(Buffer.concat(sealed.flatMap((line) => [line, text('\n')])));
        const module = { module: moduleUrl('processors', 'sealed'), options: { shift: 5 } };
        const found = await roundTrip(module, [{ data, partitionKey: UNICODE }], 3);
        const seen = found.map(({ value }) => value as Record<string, unknown>);
        expect(seen).to.deep.equal(
          values.map((opened, subSequenceNumber) => ({
            opened,
            subSequenceNumber,
            partitionKey: UNICODE,
            sequenceNumber: found[0]!.sequenceNumber,
            inMain: false,
          })),
        );
        expect(Buffer.from(found[0]!.hex, 'hex').toString(), 'data is what transform made').to.equal(
          JSON.stringify(found[0]!.value),
        );
      });

      it('an async transform ends the consumer with ERR_INVALID_PROCESSOR at the first record', async () => {
        const stream = await createStream();
        await server.simulator.put(stream, [{ data: json(1), partitionKey: 'k' }]);
        const processor = { module: moduleUrl('processors', 'promising') };
        await using run = new ConsumerRun(
          server,
          { module: 'describing' },
          { stream, processor, ...placement.options },
        );
        const error = await within('the consumer ends', WITHIN_MS, run.finished);
        expect(error).to.be.instanceOf(ShardpoolError).and.have.property('code', 'ERR_INVALID_PROCESSOR');
        expect(error!.message).to.include('async `transform`');
      });

      it('what is broken in the fetch thread fails the handler there, and loses nothing before it', async () => {
        const stream = await createStream();
        await server.simulator.put(stream, [
          { data: text('1:\u0001,1:\u0002,9:cut'), partitionKey: 'k' },
          { data: text('1:\u0003,'), partitionKey: 'k' },
        ]);
        const options = { stream, onFailure: { minDelayMs: 20, maxDelayMs: 100 }, batch: { maxRecords: 1 } };
        await using run = new ConsumerRun(
          server,
          { module: 'describing' },
          { ...options, processor: 'msgpack', ...placement.options },
        );
        const failed = await run.until('a call failed', WITHIN_MS, () => run.of('handler:failed')[0]);
        expect(failed.error).to.have.property('code', 'ERR_UNDECODABLE');
        expect(failed.error.message).to.include('break off');
        const notes = run.reports.of('note').map((note) => JSON.parse(note.text) as DescribedRecord);
        expect(notes.map(({ value }) => value)).to.deep.equal([1, 2]);
      });

      it('records of 1 MiB, and one aggregate with many user records', async () => {
        const large = Array.from({ length: 4 }, (_, i) => ({
          data: Buffer.alloc(MIB - 3, i),
          partitionKey: 'key',
        }));
        const found = await roundTrip('bytes', large);
        expect(found.map(({ bytes, hex }) => [bytes, hex.slice(0, 2)])).to.deep.equal(
          [0, 1, 2, 3].map((i) => [MIB - 3, `0${i}`]),
        );
        const many = aggregate({
          keys: ['k'],
          records: Array.from({ length: 3_000 }, (_, n) => ({ data: json(n), key: 0 })),
        });
        const users = await roundTrip('kpl-json', [{ data: many }], 3_000);
        expect(users.map(({ value }) => value)).to.deep.equal(Array.from({ length: 3_000 }, (_, n) => n));
      });

      it('explicit hash keys decide the shard', async () => {
        const stream = await createStream(2);
        await server.simulator.put(stream, [
          { data: json('low'), partitionKey: 'same', explicitHashKey: '0' },
          { data: json('high'), partitionKey: 'same', explicitHashKey: HASH_KEY },
        ]);
        await using run = new ConsumerRun(server, { module: 'describing' }, { stream, ...placement.options });
        const found = await run.until('both records are there', WITHIN_MS, () => {
          const notes = run.reports.of('note').map((note) => JSON.parse(note.text) as DescribedRecord);
          return notes.length === 2 && notes;
        });
        expect(Object.fromEntries(found.map(({ value, shardId }) => [value, shardId]))).to.deep.equal({
          low: 'shardId-000000000000',
          high: 'shardId-000000000001',
        });
      });

      it('an undecodable record fails the handler loudly and is not skipped', async () => {
        const stream = await createStream(2);
        await server.simulator.put(stream, [
          { data: json('before'), partitionKey: 'k', explicitHashKey: '0' },
          { data: text('{"cut":'), partitionKey: 'k', explicitHashKey: '0' },
          { data: json('behind'), partitionKey: 'k', explicitHashKey: '0' },
          { data: json('other shard'), partitionKey: 'k', explicitHashKey: HASH_KEY },
        ]);
        const onFailure = { minDelayMs: 20, maxDelayMs: 100 };
        const batch = { maxRecords: 1 };
        await using run = new ConsumerRun(
          server,
          { module: 'describing' },
          { stream, onFailure, batch, ...placement.options },
        );
        await run.until(
          'the record failed four times',
          WITHIN_MS,
          () => run.of('handler:failed').length >= 4,
        );
        const values = () =>
          run.reports.of('note').map((note) => (JSON.parse(note.text) as DescribedRecord).value);
        await run.until('the other records are there', WITHIN_MS, () => values().length >= 2);
        for (const { error, shardId, records } of run.of('handler:failed')) {
          expect(error).to.be.instanceOf(ShardpoolError).and.have.property('code', 'ERR_UNDECODABLE');
          expect(shardId).to.equal('shardId-000000000000');
          expect(records).to.equal(1);
        }
        expect(values()).to.have.members(['before', 'other shard']);
        const { shards } = await run.consumer.status();
        const first = shards.find(({ shardId }) => shardId === 'shardId-000000000000')!;
        expect(first.position).to.have.property('type', 'SEQUENCE');
      });
    });
  }

  it('copies of records outlive their batch, and fields of it agree', async () => {
    const stream = await createStream();
    const put = await server.simulator.put(stream, [{ data: json({ n: 1 }), partitionKey: UNICODE }]);
    const seen: { record: StreamRecord; batch: Batch; context: HandlerContext }[] = [];
    const before = Date.now();
    await using run = new ConsumerRun(
      server,
      (batch, context) => {
        for (const record of batch) seen.push({ record: record.copy(), batch, context });
      },
      { stream },
    );
    await run.until('the record is there', WITHIN_MS, () => seen.length > 0);
    const [{ record, batch, context }] = seen as [(typeof seen)[0]];
    expect(record.value).to.deep.equal({ n: 1 });
    expect(record.partitionKey).to.equal(UNICODE);
    expect(record.sequenceNumber).to.equal(put[0]!.sequenceNumber);
    expect(record.id).to.equal(`${put[0]!.shardId}:${put[0]!.sequenceNumber}:0`);
    expect(Math.abs(record.arrivalTime.getTime() - before)).to.be.below(60_000);
    expect([record.stream, record.shardId, record.token]).to.deep.equal([stream, batch.shardId, batch.token]);
    expect([batch.length, batch.bytes, batch.at(-1)?.id, batch.at(1)]).to.deep.equal([
      1,
      7,
      record.id,
      undefined,
    ]);
    expect(context.shard).to.deep.equal({ shardId: batch.shardId, stream, token: batch.token });
    expect([context.attempt, context.signal.aborted, context.lagMs]).to.deep.equal([1, false, 0]);
  });
});
