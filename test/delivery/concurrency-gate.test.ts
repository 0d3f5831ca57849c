// So many at once, and no more.

import { expect } from 'chai';
import { concurrencyGate } from '../../src/delivery/concurrency-gate.ts';
import { deferred } from '../../src/platform/deferred.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

describe('concurrency gate', () => {
  for (const [limit, expected] of [
    [1, 1],
    [3, 3],
    [null, 10],
  ] as const) {
    it(`limit ${limit}: ${expected} of 10 tasks run at once, all of them in order`, async () => {
      const time = createVirtualTime();
      const gate = concurrencyGate(limit);
      const ends = Array.from({ length: 10 }, () => deferred());
      const started: number[] = [];
      const all = ends.map((end, i) =>
        gate.run(async () => {
          started.push(i);
          await end.promise;
          return i;
        }),
      );
      for (let i = 0; i < 10; i += 1) {
        await time.advance(0);
        expect(started.length).to.equal(Math.min(10, i + expected));
        ends[i]!.resolve();
      }
      expect(await Promise.all(all)).to.deep.equal(started);
    });
  }

  it('a task that fails gives its place to the next, and its error to its caller', async () => {
    const gate = concurrencyGate(1);
    const failed = gate.run(() => Promise.reject(new Error('no'))).catch((error: Error) => error.message);
    const next = gate.run(() => Promise.resolve('next'));
    expect(await Promise.all([failed, next])).to.deep.equal(['no', 'next']);
  });
});
