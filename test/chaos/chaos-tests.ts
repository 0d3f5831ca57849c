// The tests of one store: a few fixed seeds.

import { AssertionError } from 'chai';
import { failure, summary, violations } from './report.ts';
import { runChaos } from './storm-run.ts';
import type { ChaosStoreName } from './stores.ts';

const DURATION_MS = 20_000;
/** Set it to try others. */
const FIRST_SEED = Number(process.env['CHAOS_SEED'] ?? 1);

export function chaosTests(store: ChaosStoreName, seeds: number): void {
  describe(`a fleet whose processes are killed, stopped and cut off, on the store ${store}`, function () {
    this.timeout(180_000);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed += 1) {
      it(`keeps every promise, by the seed ${seed}`, async function () {
        const report = await runChaos({ store, seed, durationMs: DURATION_MS });
        if (violations(report) > 0) throw new AssertionError(failure(report));
        this.test!.title += ` (${summary(report)})`;
      });
    }
  });
}
