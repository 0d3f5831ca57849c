// Batches as a handler sees them: lazy, decoded once, and copies that stand alone.

import { expect } from 'chai';
import { BatchBuilder } from '../../src/delivery/packed-batch.ts';
import { RecordBatch } from '../../src/delivery/record-batch.ts';
import { batchOf, numbersOf } from '../fakes/batches.ts';

function counting() {
  const decoded: string[] = [];
  const batch = new RecordBatch(batchOf(0, 1, 1, 4), {
    stream: 'orders',
    shardId: 'shardId-000000000000',
    token: 9,
    processor: {
      deserialize(data) {
        const text = Buffer.from(data).toString();
        decoded.push(text);
        if (text === '3') throw new Error('three does not fit');
        return { n: Number(text) };
      },
    },
  });
  return { batch, decoded };
}

describe('record batch', () => {
  it('decodes a value on first use, and once: a second pass over the batch as in a retry decodes nothing', () => {
    const { batch, decoded } = counting();
    expect(numbersOf(batch)).to.deep.equal([1, 2, 3, 4]);
    expect(decoded).to.deep.equal([]);
    expect(batch.at(1)!.value).to.deep.equal({ n: 2 });
    const first = batch.at(1)!.value;
    for (const record of batch) if (record.sequenceNumber === '2') expect(record.value).to.equal(first);
    expect(batch.toArray()[1]!.value).to.equal(first);
    expect(decoded).to.deep.equal(['2']);
  });

  it('a value that is undefined is decoded once too', () => {
    let calls = 0;
    const batch = new RecordBatch(batchOf(0, 1, 1), {
      stream: 's',
      shardId: 'x',
      token: 1,
      processor: { deserialize: () => void (calls += 1) },
    });
    void batch.at(0)!.value;
    void batch.at(0)!.value;
    expect(calls).to.equal(1);
  });

  it('throws for bytes that do not fit each time they are asked for, and only there', () => {
    const { batch } = counting();
    expect(() => batch.at(2)!.value).to.throw('three does not fit');
    expect(() => batch.at(2)!.value).to.throw('three does not fit');
    expect(batch.at(2)!.data.toString()).to.equal('3');
    expect(batch.at(3)!.value).to.deep.equal({ n: 4 });
  });

  it('can be indexed from both ends, and answers undefined beside them', () => {
    const { batch } = counting();
    expect(batch.at(-1)!.sequenceNumber).to.equal('4');
    expect(batch.at(-4)!.sequenceNumber).to.equal('1');
    for (const index of [4, -5, 0.5, NaN]) expect(batch.at(index)).to.equal(undefined);
    expect(batch.length).to.equal(4);
  });

  it('names its origin, and gives records an id that is stable over replays', () => {
    const { batch } = counting();
    expect(batch).to.include({ shardId: 'shardId-000000000000', stream: 'orders', token: 9, lagMs: 0 });
    expect(batch.at(0)).to.include({
      id: 'shardId-000000000000:1:0',
      shardId: 'shardId-000000000000',
      stream: 'orders',
      token: 9,
      partitionKey: 'key-1',
    });
  });

  it('a copy has memory of its own and every field of the original', () => {
    const big = new BatchBuilder();
    big.add(Buffer.alloc(100_000), 'first', null, '10', 0, 5, false);
    big.add(Buffer.from('second'), '😀', '77', '11', 4, 6, true);
    const batch = new RecordBatch(big.seal(0, 1, 99, 5), {
      stream: 'orders',
      shardId: 's',
      token: 2,
      processor: { deserialize: (data) => Buffer.from(data).toString() },
    });
    const original = batch.at(1)!;
    const copy = original.copy();
    expect(copy.data.buffer).to.not.equal(original.data.buffer);
    expect(copy.data.buffer.byteLength).to.be.below(100);
    original.data.fill(0);
    expect(copy.value).to.equal('second');
    for (const field of [
      'partitionKey',
      'explicitHashKey',
      'sequenceNumber',
      'subSequenceNumber',
      'id',
      'token',
      'aggregated',
    ] as const) {
      expect(copy[field], field).to.equal(original[field]);
    }
    expect(copy.arrivalTime).to.deep.equal(original.arrivalTime);
  });

  it('becomes JSON without its value being decoded', () => {
    const { batch, decoded } = counting();
    expect(JSON.parse(JSON.stringify(batch.at(0)))).to.include({ sequenceNumber: '1', bytes: 1 });
    expect(decoded).to.deep.equal([]);
  });
});
