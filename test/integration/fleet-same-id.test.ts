// Processes with one instance id, one after the other or at once: each of them is a session of its own.

import { expect } from 'chai';
import { FLEET_STORES } from './fleet-store.ts';
import { FleetTrial } from './fleet-trial.ts';

const SHARDS = 4;
const LEASE_MS = 2_000;
const WITHIN_MS = 30_000;

describe('processes with the same instance id', function () {
  this.timeout(90_000);

  for (const store of FLEET_STORES) {
    it(`one is killed and started, then stopped and started: each life inherits nothing, with ${store}`, async () => {
      await using trial = await FleetTrial.open({
        store,
        shards: SHARDS,
        instances: ['a'],
        consumer: { leaseDurationMs: LEASE_MS },
      });
      const [first] = await trial.startAll(['a']);
      trial.writer.start(200);
      await trial.until('the first one reads', WITHIN_MS, () => trial.calls([first!]).length > SHARDS);
      await trial.kill(first!);
      const [second] = await trial.startAll(['a']);
      await trial.until('the second one reads', WITHIN_MS, () => trial.calls([second!]).length > SHARDS);
      await trial.stop(second!);
      const [third] = await trial.startAll(['a']);
      await trial.until('the third one reads', WITHIN_MS, () => trial.calls([third!]).length > SHARDS);
      const { findings, figures } = await trial.finish();
      expect(findings).to.deep.equal([]);
      // Each took all shards by takes of its own, and only the first one was evicted.
      expect(figures).to.include({ leases: 3 * SHARDS, evictions: 1, takeOvers: SHARDS });
      expect(repeatsOf(trial, [third!.name])).to.equal(0);
    });

    it(`two at once share the shards, and nothing is read by both, with ${store}`, async () => {
      await using trial = await FleetTrial.open({
        store,
        shards: SHARDS,
        instances: ['a'],
        consumer: { leaseDurationMs: LEASE_MS },
      });
      const [first, second] = await trial.startAll(['a', 'a']);
      trial.writer.start(200);
      for (const member of [first!, second!]) {
        await trial.until(`${member.name} reads`, WITHIN_MS, () => trial.calls([member]).length > SHARDS);
      }
      expect(await trial.heldBy(first!)).to.have.length(SHARDS / 2);
      expect(await trial.heldBy(second!)).to.have.length(SHARDS / 2);
      const { findings, figures } = await trial.finish();
      expect(findings).to.deep.equal([]);
      expect(figures).to.include({ repeatedDone: 0, repeatedUnfinished: 0, evictions: 0 });
    });
  }
});

/** Records that these processes handled and that another one had handled before. */
function repeatsOf(trial: FleetTrial, names: readonly string[]): number {
  const seen = new Set<string>();
  let repeats = 0;
  for (const { process, rows } of trial.calls()) {
    for (const [, , key, n] of rows) {
      if (names.includes(process) && seen.has(`${key}/${n}`)) repeats += 1;
      seen.add(`${key}/${n}`);
    }
  }
  return repeats;
}
