// A change of `rev` is told soon, by the system's own word about the file or, where there is none, by looking.

import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchChanges } from '../../../src/checkpointers/local/change-watch.ts';
import { systemTimers } from '../../../src/platform/timers.ts';
import { until } from '../../support/until.ts';

describe('watch of the local store', () => {
  let directory: string;
  let rev: number | null;
  let told: number;
  let looks: number;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'shardpool-local-'));
    [rev, told, looks] = [1, 0, 0];
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const watch = (file: string) =>
    watchChanges({
      file,
      timers: systemTimers,
      rev: () => {
        looks += 1;
        return rev;
      },
      onChange: () => void (told += 1),
    });

  it('looks when the file was written, soon and once more: the change may be seen a moment later only', async () => {
    const file = join(directory, 'data');
    writeFileSync(file, '');
    const watching = watch(file);
    writeFileSync(file, 'page');
    await until('it looked soon', 2_000, () => looks === 2);
    expect(told).to.equal(0);
    rev = 2;
    await until('it told', 2_000, () => told === 1);
    writeFileSync(file, 'a checkpoint');
    await until('it looked twice more', 2_000, () => looks === 5);
    expect(told).to.equal(1);
    watching.close();
  });

  it('where the system cannot watch, it looks now and then; not readable is no change', async () => {
    const watching = watch(join(directory, 'missing'));
    rev = null;
    await until('it looked', 2_000, () => looks >= 2);
    expect(told).to.equal(0);
    rev = 2;
    await until('it told', 2_000, () => told === 1);
    watching.close();
    const before = looks;
    rev = 3;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([looks, told]).to.deep.equal([before, 1]);
  });
});
