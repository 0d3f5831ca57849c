import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { OUT_OF_SHARD_RANGE, undecodableMark, undecodableReason } from '../../src/codec/record-marks.ts';
import { shardRange, splitWithin } from '../../src/codec/shard-range.ts';
import { collector } from './splits.ts';

const HALF = 2n ** 127n;
const LOW = { startingHashKey: '0', endingHashKey: String(HALF - 1n) };
const HIGH = { startingHashKey: String(HALF), endingHashKey: String(2n * HALF - 1n) };
const NARROW = { startingHashKey: '15', endingHashKey: '16' };

const md5 = (key: string) => BigInt(`0x${createHash('md5').update(key, 'utf8').digest('hex')}`);

describe('codec: the hash key range of a shard', () => {
  it('decides as the numbers do, for partition keys of every script', () => {
    const inLow = shardRange(LOW);
    const inHigh = shardRange(HIGH);
    const keys = [...Array.from({ length: 500 }, (_, n) => `key-${n}`), '', '鍵🔑', 'é', '0'];
    // Twice, the second time from what it remembers.
    for (const key of [...keys, ...keys]) {
      expect(inLow(key, null), key).to.equal(md5(key) < HALF);
      expect(inHigh(key, null), key).to.equal(md5(key) >= HALF);
    }
  });

  it('goes by the explicit hash key where there is one, its bounds included', () => {
    const inNarrow = shardRange(NARROW);
    const answers = [
      '14',
      '15',
      '16',
      '17',
      '0',
      '016',
      String(2n * HALF - 1n),
      String(2n * HALF),
      '9'.repeat(39),
    ];
    expect(answers.map((key) => inNarrow('any', key))).to.deep.equal(
      answers.map((key) => key === '15' || key === '16' || key === '016'),
    );
    expect(shardRange(LOW)('any', String(2n * HALF)), 'more than 128 bits').to.equal(false);
  });

  it('marks records of aggregates alone, and keeps their other marks', () => {
    const { found, sink } = collector();
    const bytes = new Uint8Array(1);
    const split = splitWithin(NARROW, {
      hasInnerKeys: true,
      split(data, key, marking) {
        marking.add(data, key, null, 0, true);
        marking.add(data, key, '15', 1, true);
        marking.add(data, key, '17', 2, true, undecodableMark('not-inflated'));
        marking.add(data, key, '17', 0, false);
      },
    });
    split(bytes, 'k', sink, '1');
    expect(found.map(({ marks }) => (marks & OUT_OF_SHARD_RANGE) !== 0)).to.deep.equal([
      true,
      false,
      true,
      false,
    ]);
    expect(found.map(({ marks }) => undecodableReason(marks))).to.deep.equal([
      null,
      null,
      'not-inflated',
      null,
    ]);
    expect(found.map(({ sub }) => sub)).to.deep.equal([0, 1, 2, 0]);
  });

  it('remembers a bounded number of keys, and still answers right', () => {
    const inLow = shardRange(LOW);
    for (let n = 0; n < 25_000; n += 1) expect(inLow(`key-${n}`, null)).to.equal(md5(`key-${n}`) < HALF);
  });
});
