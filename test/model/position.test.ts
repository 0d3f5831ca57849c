// Positions sort as strings in the order in which a shard is read.

import { expect } from 'chai';
import {
  decodePosition,
  isBefore,
  latestPosition,
  type Position,
  SHARD_END,
  sequencePosition,
  timestampPosition,
  TRIM_HORIZON,
} from '../../src/model/position.ts';
import { integerFrom, type Random, seededRandom } from '../fakes/random.ts';

function digits(random: Random, count: number): string {
  const first = count === 1 ? integerFrom(random, 0, 9) : integerFrom(random, 1, 9);
  let text = String(first);
  while (text.length < count) text += String(integerFrom(random, 0, 9));
  return text;
}

interface Place {
  readonly sequence: bigint;
  readonly sub: number;
  readonly position: Position;
}

function place(sequenceNumber: string, sub: number): Place {
  return { sequence: BigInt(sequenceNumber), sub, position: sequencePosition(sequenceNumber, sub) };
}

function byNumber(a: Place, b: Place): number {
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return a.sub - b.sub;
}

describe('positions', () => {
  it('sort like (sequence number, sub-sequence number) as numbers, for 1 to 128 digits', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const places = Array.from({ length: 200 }, () => {
        const sequence = digits(random, integerFrom(random, 1, random() < 0.2 ? 128 : 56));
        return place(sequence, random() < 0.5 ? 0 : integerFrom(random, 0, 2 ** 32));
      });
      for (const { sequence } of places.slice(0, 50)) {
        for (const offset of [-1n, 1n])
          if (sequence + offset >= 0n) places.push(place(String(sequence + offset), 0));
        places.push(place(String(sequence), 9), place(String(sequence), 10));
      }
      const numeric = places.toSorted(byNumber).map(({ position }) => position);
      expect(places.map(({ position }) => position).toSorted(), `seed ${seed}`).to.deep.equal(numeric);
      for (let i = 1; i < numeric.length; i += 1) {
        expect(isBefore(numeric[i - 1]!, numeric[i]!)).to.equal(numeric[i - 1] !== numeric[i]);
      }
    }
  });

  it('every start lies before every record, and SHARD_END behind all', () => {
    const starts = [TRIM_HORIZON, latestPosition(1_700_000_000_000), timestampPosition(99_999_999_999_999)];
    const records = [sequencePosition('0', 0), sequencePosition('9'.repeat(128), 4_294_967_295)];
    for (const start of starts) {
      for (const record of records) expect(isBefore(start, record)).to.equal(true);
      expect(isBefore(start, SHARD_END)).to.equal(true);
    }
    for (const record of records) {
      expect(isBefore(record, SHARD_END)).to.equal(true);
      expect(isBefore(SHARD_END, record)).to.equal(false);
      expect(isBefore(record, record)).to.equal(false);
    }
  });

  it('decode to what they were made of', () => {
    expect(decodePosition(TRIM_HORIZON)).to.deep.equal({ type: 'TRIM_HORIZON' });
    expect(decodePosition(SHARD_END)).to.deep.equal({ type: 'SHARD_END' });
    expect(decodePosition(latestPosition(5.9))).to.deep.equal({ type: 'LATEST', at: 5 });
    expect(decodePosition(timestampPosition(0))).to.deep.equal({ type: 'AT_TIMESTAMP', at: 0 });
    const sequenceNumber = '49590338271490256608559692538361571095921575989136588898';
    expect(decodePosition(sequencePosition(sequenceNumber, 42))).to.deep.equal({
      type: 'SEQUENCE',
      sequenceNumber,
      subSequenceNumber: 42,
    });
  });

  for (const bad of [
    '',
    'TRIM_HORIZON',
    '0:trim_horizon',
    '0:LATEST',
    '0:LATEST@123',
    '0:AT_TIMESTAMP@-0000000000001',
    '1:002:123:0000000000',
    '1:003:12x:0000000000',
    '1:003:123:000000000',
    '1:003:123:0000000000 ',
    ' 1:003:123:0000000000',
    '1:3:123:0000000000',
    '2:SHARD_END2',
    'null',
  ]) {
    it(`'${bad}' is no position`, () => {
      expect(() => decodePosition(bad as Position)).to.throw(TypeError, 'Not a position');
    });
  }
});
