// A page that turns out larger than what was reserved for it: it goes on in steps, at the pace of the handler.

import { expect } from 'chai';
import { ReaderHarness } from './reader-harness.ts';

const MIB = 2 ** 20;
const RECORDS = [1, 2, 3, 4, 5, 6];

async function inflating(shutAt: number) {
  const harness: ReaderHarness = new ReaderHarness({
    budgetBytes: MIB,
    split(_data, key, sink) {
      if (harness.records.length === shutAt - 1) harness.shutWindow();
      sink.add(new Uint8Array(MIB), key, null, 0, false);
    },
  });
  harness.api.pages({ records: RECORDS, bytesEach: 1_000, lagMs: 1_000 });
  const ended = harness.reader.run();
  await harness.time.advance(0);
  return { harness, ended };
}

describe('shard reader, a page larger than its reservation', () => {
  it('waits for its handler on the way, with the page counted, and leaves nothing out', async () => {
    const { harness } = await inflating(1);
    // Two MiB: what was reserved, and a step.
    expect(harness.records).to.deep.equal(['1', '2']);
    expect(harness.reader.status.state).to.equal('waiting-for-handler');
    expect(harness.freeBytes).to.equal(MIB - 6 * 1_024);
    await harness.time.advance(60_000);
    expect(harness.records).to.have.length(2);
    expect(harness.api.reads).to.have.length(1);
    // No call goes on, and no work that could hang.
    expect(harness.work.at(-1)).to.equal('end');
    harness.openWindow();
    await harness.time.advance(1);
    expect(harness.records).to.deep.equal(RECORDS.map(String));
    expect(harness.reader.status.state).to.equal('polling');
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('goes on at once while its window is open', async () => {
    const { harness } = await inflating(Infinity);
    expect(harness.records).to.deep.equal(RECORDS.map(String));
    expect(harness.path).to.deep.equal(['starting', 'polling']);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('a stop on the way gives everything back and passes on nothing more', async () => {
    const { harness, ended } = await inflating(1);
    harness.reader.stop('lease-lost');
    await harness.time.settled(ended);
    expect(harness.records).to.have.length(2);
    expect(harness.closes).to.deep.equal(['lease-lost']);
    expect(harness.failures).to.deep.equal([]);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('asks for as many records as there is room for', async () => {
    for (const [budgetBytes, limit] of [
      [MIB, 100],
      [32 * 1_024, 1],
    ] as const) {
      const harness = new ReaderHarness({ budgetBytes });
      harness.api.pages({ records: [1], lagMs: 1_000 });
      const ended = harness.reader.run();
      await harness.time.advance(0);
      expect(harness.limits).to.deep.equal([limit]);
      harness.reader.stop('requested');
      await harness.time.settled(ended);
    }
  });
});
