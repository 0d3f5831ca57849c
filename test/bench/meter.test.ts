import { expect } from 'chai';
import type { Plan } from '../../bench/scenario.ts';
import { type Mark, Meter } from '../../bench/sides/meter.ts';

const PLAN: Plan = { shards: 1, pagesPerShard: 5, recordsPerPage: 2, warmUp: 1, measured: 4, total: 10 };

interface Seen {
  readonly value: unknown;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly sub: number;
}

const RECORDS: readonly Seen[] = Array.from({ length: 10 }, (_, i) => ({
  value: { pad: 'abc' },
  partitionKey: `key-${i % 3}`,
  sequenceNumber: String(i).padStart(39, '0').padEnd(56, '0'),
  sub: 0,
}));

function read(records: readonly Seen[]): Mark[] {
  const marks: Mark[] = [];
  const meter = new Meter(PLAN, (mark) => marks.push(mark));
  records.forEach(({ value, partitionKey, sequenceNumber, sub }, i) => {
    meter.add(value, partitionKey, sequenceNumber, sub);
    if (i % 2 === 1) meter.lookForMark();
  });
  return marks;
}

const checksum = (records: readonly Seen[]) => read(records)[2]!.checksum;
const changed = (change: Partial<Seen>) =>
  RECORDS.map((each, i) => (i === 4 ? { ...each, ...change } : each));

describe('the meter of a side', () => {
  it('marks a stretch of the asked length between pages', () => {
    expect(read(RECORDS).map(({ name, records }) => [name, records])).to.deep.equal([
      ['begin', 2],
      ['end', 6],
      ['finished', 10],
    ]);
  });

  it('has the same checksum in whatever order shards are read', () => {
    expect(checksum(RECORDS.toReversed())).to.equal(checksum(RECORDS));
  });

  const differences: Readonly<Record<string, readonly Seen[]>> = {
    'another value': changed({ value: { pad: 'abcd' } }),
    'another partition key': changed({ partitionKey: 'key-9' }),
    'another sub-sequence number': changed({ sub: 1 }),
    'a record twice in place of another': changed(RECORDS[5]!),
  };
  for (const [title, records] of Object.entries(differences)) {
    it(`has another checksum for ${title}`, () => {
      expect(checksum(records)).to.not.equal(checksum(RECORDS));
    });
  }
});
