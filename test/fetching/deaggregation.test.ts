// Pages that inflate go on in steps, and are let go of when they are done.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import type { SplitSink } from '../../src/codec/processor.ts';
import { deaggregation } from '../../src/fetching/deaggregation.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';

const INFLATED = 100_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function setUp(records: number, onCollected: (what: string) => void = () => {}) {
  const added: string[] = [];
  const registry = new FinalizationRegistry(onCollected);
  const page = {
    count: records,
    slab: Buffer.allocUnsafeSlow(records),
    offsets: Uint32Array.from({ length: records + 1 }, (_, i) => i),
    partitionKeys: Array.from({ length: records }, () => 'key'),
    sequenceNumbers: Array.from({ length: records }, (_, i) => String(100 + i)),
    arrivalTimes: new Float64Array(records),
    nextIterator: 'next',
    lagMs: 0,
    children: [],
  };
  registry.register(page.slab.buffer, 'page');
  let seen: SplitSink | null = null;
  const pieces = deaggregation(page, TRIM_HORIZON, {
    processor: {
      split(_data, key, sink) {
        seen = sink;
        sink.add(new Uint8Array(INFLATED), key, null, 0, false);
      },
    },
    sink: {
      add: (_data, _key, _hashKey, sequenceNumber) => void added.push(sequenceNumber),
      flush: () => undefined,
    },
    onRecord: () => undefined,
    isolate: false,
  });
  return { pieces, added, registry, lastSink: () => seen };
}

describe('deaggregation', () => {
  it('stops after the record that went beyond the step, and goes on behind it', () => {
    const { pieces, added } = setUp(7);
    expect(pieces.next(2.5 * INFLATED)).to.equal(false);
    expect(added).to.deep.equal(['100', '101', '102']);
    expect(pieces.next(2.5 * INFLATED)).to.equal(false);
    expect(added).to.have.length(6);
    expect(pieces.next(2.5 * INFLATED)).to.equal(true);
    expect(added).to.deep.equal(['100', '101', '102', '103', '104', '105', '106']);
    expect(pieces.userRecords).to.equal(7);
  });

  it('a step takes one record at least', () => {
    const { pieces, added } = setUp(3);
    expect([pieces.next(0), pieces.next(0), pieces.next(0)]).to.deep.equal([false, false, true]);
    expect(added).to.have.length(3);
  });

  it('an empty page is done at once and has no last record', () => {
    const { pieces } = setUp(0);
    expect(pieces.next(0)).to.equal(true);
    expect(pieces.last).to.equal(null);
  });

  it('lets go of a page that is done, whatever the processor keeps of it', async () => {
    const collected: string[] = [];
    const kept = setUp(3, (what) => collected.push(what));
    expect(kept.pieces.next(Infinity)).to.equal(true);
    for (let round = 0; round < 50 && collected.length === 0; round += 1) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(collected).to.deep.equal(['page']);
    expect(kept.lastSink()).not.to.equal(null);
    expect(kept.pieces.last).not.to.equal(null);
  });

  it('takes nothing more out of a page that was dropped', () => {
    const { pieces, added } = setUp(3);
    pieces.next(0);
    pieces.drop();
    expect(pieces.next(0)).to.equal(false);
    expect(added).to.have.length(1);
  });
});
