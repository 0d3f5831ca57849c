// What the open batch of a shard keeps alive while it waits.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { PackedColumns } from '../../src/delivery/packed-batch.ts';
import { PendingBatches } from '../../src/delivery/pending-batches.ts';

const PAGE_BYTES = 4 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('pending batches', () => {
  it('compact lets go of the page that the open batch is a small part of, and changes nothing else', async function () {
    this.timeout(20_000);
    const pending = new PendingBatches(1, 1, { maxRecords: 1_000, maxBytes: 2 ** 20 });
    const freed: string[] = [];
    const registry = new FinalizationRegistry((what: string) => freed.push(what));
    const add = () => {
      const slab = Buffer.allocUnsafeSlow(PAGE_BYTES).fill('x');
      registry.register(slab.buffer, 'page');
      for (let i = 0; i < 3; i += 1) {
        pending.add(
          slab.subarray(i * 10, i * 10 + 10),
          `key-${i}`,
          i === 1 ? '7' : null,
          '21',
          i,
          1_000 + i,
          true,
          4,
        );
      }
    };
    add();
    const before = pending.takeAdded();
    pending.compact();
    expect(pending.takeAdded()).to.deep.equal({ units: 0, records: 0 });
    expect(before).to.deep.equal({ units: 1, records: 3 });
    for (let round = 0; round < 50 && freed.length === 0; round += 1) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(freed).to.deep.equal(['page']);
    const message = pending.takeOpen()!;
    expect(message).to.include({ n: 3, bytes: 30, units: 1 });
    const columns = new PackedColumns(message);
    const rows = [0, 1, 2].map((i) => [
      columns.data(i).toString(),
      columns.partitionKey(i),
      columns.explicitHashKey(i),
      columns.sequenceNumber(i),
      columns.subSequenceNumber(i),
      columns.arrivalMs(i),
      columns.aggregated(i),
      columns.marks(i),
    ]);
    expect(rows).to.deep.equal([
      ['xxxxxxxxxx', 'key-0', null, '21', 0, 1_000, true, 4],
      ['xxxxxxxxxx', 'key-1', '7', '21', 1, 1_001, true, 4],
      ['xxxxxxxxxx', 'key-2', null, '21', 2, 1_002, true, 4],
    ]);
  });
});
