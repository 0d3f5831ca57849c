// Deaths with a shard in hand: how many in a row at one position, and how long to wait.

import { expect } from 'chai';
import { createSuspects } from '../../src/coordinator/suspects.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';

describe('suspects', () => {
  it('counts deaths in a row at one position, and waits longer after each beyond the second', () => {
    const suspects = createSuspects(() => 1);
    const verdicts = Array.from({ length: 9 }, () => suspects.died('a', at(5)));
    expect(verdicts.map(({ deaths }) => deaths)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(verdicts.map(({ delayMs }) => delayMs)).to.deep.equal([
      0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect(suspects.deathsOf('a')).to.equal(9);
    expect(suspects.positionOf('a')).to.equal(at(5));
  });

  it('the pauses are spread at random', () => {
    const [low, high] = [createSuspects(() => 0), createSuspects(() => 1)];
    for (const each of [low, high]) for (let n = 0; n < 3; n += 1) each.died('a', at(1));
    expect(low.died('a', at(1)).delayMs).to.be.below(high.died('a', at(1)).delayMs);
  });

  it('a shard that has moved begins anew', () => {
    const suspects = createSuspects(() => 1);
    suspects.died('a', TRIM_HORIZON);
    suspects.died('a', TRIM_HORIZON);
    expect(suspects.died('a', at(1))).to.deep.equal({ deaths: 1, delayMs: 0 });
    expect(suspects.positionOf('a')).to.equal(at(1));
  });

  it('the same record counts on where a death leaves less behind than the one before', () => {
    const suspects = createSuspects(() => 1);
    suspects.died('a', at(5));
    expect(suspects.died('a', at(3)).deaths).to.equal(2);
  });

  it('tells shards apart, and forgets', () => {
    const suspects = createSuspects(() => 1);
    suspects.died('a', at(1));
    expect(suspects.died('b', at(1)).deaths).to.equal(1);
    suspects.forget('a');
    expect([suspects.positionOf('a'), suspects.deathsOf('a')]).to.deep.equal([null, 0]);
    expect(suspects.deathsOf('b')).to.equal(1);
  });
});
