// Packed batches: what goes in comes out, whatever the records look like, also over a port.

import { expect } from 'chai';
import { BatchBuilder } from '../../src/delivery/packed-batch.ts';
import { RecordBatch } from '../../src/delivery/record-batch.ts';
import { sequencePosition } from '../../src/model/position.ts';
import type { StreamRecord } from '../../src/model/record.ts';
import type { BatchMessage } from '../../src/protocol.ts';
import { type PlainRecord, randomRecords } from '../fakes/batch-records.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';

const origin = {
  stream: 'orders',
  shardId: 'shardId-000000000007',
  token: 3,
  processor: { deserialize: (data: Uint8Array) => Buffer.from(data).toString('hex') },
};

function packed(records: readonly PlainRecord[]): BatchMessage {
  const builder = new BatchBuilder();
  for (const r of records) {
    builder.add(
      r.data,
      r.partitionKey,
      r.explicitHashKey,
      r.sequenceNumber,
      r.subSequenceNumber,
      r.arrivalTime,
      r.aggregated,
    );
  }
  return builder.seal(1, 2, 3, 250);
}

function plain(record: StreamRecord): PlainRecord {
  return {
    data: new Uint8Array(record.data),
    partitionKey: record.partitionKey,
    explicitHashKey: record.explicitHashKey,
    sequenceNumber: record.sequenceNumber,
    subSequenceNumber: record.subSequenceNumber,
    arrivalTime: record.arrivalTime.getTime(),
    aggregated: record.aggregated,
  };
}

/** As a handler sees them: dates have whole milliseconds, data is its own memory. */
function seen(record: PlainRecord): PlainRecord {
  return { ...record, data: new Uint8Array(record.data), arrivalTime: Math.floor(record.arrivalTime) };
}

describe('packed batches', () => {
  for (const slabs of [0, 1, 3]) {
    it(`round trip over structured clone, data in ${slabs === 0 ? 'memory of its own' : `${slabs} slab(s)`}`, () => {
      for (let seed = 1; seed <= 60; seed += 1) {
        const random = seededRandom(seed);
        const records = randomRecords(random, integerFrom(random, 1, 40), slabs);
        const message = packed(records);
        const sent = structuredClone(message, { transfer: [message.ab] });
        expect(message.ab.byteLength, 'transferred').to.equal(0);
        const batch = new RecordBatch(sent, origin);
        expect(batch.toArray().map(plain), `seed ${seed}`).to.deep.equal(records.map(seen));
        expect(batch.bytes).to.equal(records.reduce((sum, { data }) => sum + data.byteLength, 0));
        const last = records.at(-1)!;
        expect(sent.last).to.equal(sequencePosition(last.sequenceNumber, last.subSequenceNumber));
        expect(batch.positionAt(records.length - 1)).to.equal(sent.last);
      }
    });
  }

  it('copies the data in: what happens to the slab later changes nothing', () => {
    const slab = new Uint8Array(Buffer.from('onetwo'));
    const [record] = randomRecords(seededRandom(1), 1, 0);
    const message = packed([
      { ...record!, data: slab.subarray(0, 3) },
      { ...record!, data: slab.subarray(3) },
    ]);
    slab.fill(0);
    expect(new RecordBatch(message, origin).toArray().map(({ data }) => data.toString())).to.deep.equal([
      'one',
      'two',
    ]);
  });

  it('does not take views for neighbours that lie behind each other in different memories', () => {
    const [a, b] = [Buffer.alloc(8, 'a'), Buffer.alloc(8, 'b')].map((each) => new Uint8Array(each));
    const [record] = randomRecords(seededRandom(1), 1, 0);
    const message = packed([
      { ...record!, data: a!.subarray(0, 4) },
      { ...record!, data: b!.subarray(4) },
      { ...record!, data: a!.subarray(4) },
    ]);
    const texts = new RecordBatch(message, origin).toArray().map(({ data }) => data.toString());
    expect(texts).to.deep.equal(['aaaa', 'bbbb', 'aaaa']);
  });

  it('sends each distinct sequence number of neighbours once', () => {
    const [record] = randomRecords(seededRandom(1), 1, 0);
    const of = (sequenceNumber: string, subSequenceNumber: number) => ({
      ...record!,
      sequenceNumber,
      subSequenceNumber,
    });
    expect(packed([of('7', 0), of('7', 1), of('7', 2), of('8', 0)]).seqs).to.equal('7,8');
  });

  it('sends no column of explicit hash keys when there are none', () => {
    const records = randomRecords(seededRandom(2), 5, 0).map((r) => ({ ...r, explicitHashKey: null }));
    const without = packed(records);
    expect(without.ehks).to.equal(null);
    const mixed = packed(records.map((r, i) => ({ ...r, explicitHashKey: i === 3 ? '42' : null })));
    expect(mixed.ehks).to.equal('42');
    expect(mixed.ab.byteLength - without.ab.byteLength).to.equal(4 * 5);
  });

  it('says before what it will cost, and never less than the message carries', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const records = randomRecords(seededRandom(seed), 30, 1).map((r) => ({ ...r, explicitHashKey: null }));
      const builder = new BatchBuilder();
      for (const r of records) {
        builder.add(r.data, r.partitionKey, null, r.sequenceNumber, r.subSequenceNumber, 0, r.aggregated);
      }
      const { costBytes } = builder;
      const { ab, keys, seqs } = builder.seal(0, 0, 0, null);
      // The four bytes are the end of the last offset.
      expect(costBytes + 4).to.be.at.least(ab.byteLength + keys.length + seqs.length);
    }
  });
});
