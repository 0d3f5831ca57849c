// The ack tracker against a model that looks at every record each time.

import { expect } from 'chai';
import { AckTracker, type TrackedBatch } from '../../src/delivery/ack-tracker.ts';
import type { Position } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { integerFrom, oneOf, seededRandom } from '../fakes/random.ts';

/** Opens a batch with the records `first` to `last`, each at the position of its number. */
const open = (tracker: AckTracker, first: number, last: number): TrackedBatch =>
  tracker.open(last - first + 1, at(last), (index) => at(first + index));

describe('ack tracker', () => {
  it('moves with the acks of the first batch, record by record', () => {
    const tracker = new AckTracker();
    const batch = open(tracker, 1, 3);
    expect(tracker.takeWatermark()).to.equal(null);
    batch.ack(0);
    expect(tracker.takeWatermark()).to.equal(at(1));
    expect(tracker.takeWatermark(), 'it has not moved').to.equal(null);
    batch.ack(2);
    expect([tracker.takeWatermark(), batch.pending]).to.deep.equal([null, 1]);
    batch.ack(1);
    expect([tracker.takeWatermark(), batch.pending]).to.deep.equal([at(3), 0]);
  });

  it('waits for the one record that is missing, over batches that are done', () => {
    const tracker = new AckTracker();
    const [first, second, third] = [open(tracker, 1, 2), open(tracker, 3, 4), open(tracker, 5, 6)] as const;
    third.ackAll();
    second.ackAll();
    first.ack(1);
    expect(tracker.takeWatermark()).to.equal(null);
    first.ack(0);
    expect(tracker.takeWatermark()).to.equal(at(6));
  });

  it('takes an ack of the same record twice, and one of a batch that is done, for one', () => {
    const tracker = new AckTracker();
    const batch = open(tracker, 1, 3);
    for (const index of [1, 1, 0, 0, 1]) batch.ack(index);
    expect([batch.pending, tracker.takeWatermark()]).to.deep.equal([1, at(2)]);
    batch.ackAll();
    expect(tracker.takeWatermark()).to.equal(at(3));
    batch.ack(0);
    batch.ackTo(1);
    expect([batch.pending, tracker.takeWatermark()]).to.deep.equal([0, null]);
  });

  it('does not ask for the positions of a batch that is done and waits for one before it', () => {
    const tracker = new AckTracker();
    const first = open(tracker, 1, 1);
    const second = tracker.open(2, at(3), () => expect.fail('asked for a position'));
    second.ack(1);
    second.ack(0);
    first.ackAll();
    expect(tracker.takeWatermark()).to.equal(at(3));
  });

  it('agrees with the model under any order of acks', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const tracker = new AckTracker();
      const batches: { readonly tracked: TrackedBatch; readonly first: number; readonly length: number }[] =
        [];
      const acked: boolean[] = [];
      let watermark: Position | null = null;
      let written = 0;
      const ackInModel = (from: number, to: number) => acked.fill(true, from, to + 1);
      for (let step = 0; step < 120; step += 1) {
        if (batches.length === 0 || random() < 0.15) {
          const length = integerFrom(random, 1, 12);
          batches.push({ tracked: open(tracker, written, written + length - 1), first: written, length });
          acked.push(...Array.from({ length }, () => false));
          written += length;
        } else {
          const { tracked, first, length } = oneOf(random, batches);
          const index = integerFrom(random, 0, length - 1);
          const way = random();
          if (way < 0.8) {
            tracked.ack(index);
            ackInModel(first + index, first + index);
          } else if (way < 0.9) {
            tracked.ackTo(index);
            ackInModel(first, first + index);
          } else {
            tracked.ackAll();
            ackInModel(first, first + length - 1);
          }
        }
        watermark = tracker.takeWatermark() ?? watermark;
        const front = acked.includes(false) ? acked.indexOf(false) : acked.length;
        expect(watermark, `seed ${seed}, step ${step}`).to.equal(front === 0 ? null : at(front - 1));
        const { tracked, first, length } = oneOf(random, batches);
        const own = acked.slice(first, first + length);
        expect(tracked.pending).to.equal(own.filter((each) => !each).length);
        expect(own.map((_, index) => tracked.isAcked(index)).join()).to.equal(own.join());
      }
    }
  });

  it('costs as much per ack with a million records outstanding as with a few', () => {
    const tracker = new AckTracker();
    const batches = Array.from({ length: 1_000 }, (_, i) => open(tracker, i * 1_000, i * 1_000 + 999));
    const startedAt = performance.now();
    // From the back to the front: nothing moves until the very last ack.
    for (const batch of batches.toReversed()) for (let index = 999; index >= 0; index -= 1) batch.ack(index);
    expect(tracker.takeWatermark()).to.equal(at(999_999));
    expect(performance.now() - startedAt).to.be.below(5_000);
  });
});
