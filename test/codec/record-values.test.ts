// Values as records give them: what their fetch thread flagged, and texts that are decoded for a whole batch at a time.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { createProcessor } from '../../src/codec/create-processor.ts';
import type { Processor } from '../../src/codec/processor.ts';
import { undecodableMark } from '../../src/codec/record-marks.ts';
import { BatchBuilder } from '../../src/delivery/packed-batch.ts';
import { RecordBatch } from '../../src/delivery/record-batch.ts';
import { integerFrom, seededRandom } from '../fakes/random.ts';

interface Given {
  readonly data: string | Uint8Array;
  readonly marks?: number;
}

function batchOf(records: readonly Given[], processor: Partial<Processor> & Pick<Processor, 'deserialize'>) {
  const builder = new BatchBuilder();
  records.forEach(({ data, marks = 0 }, i) => {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    builder.add(bytes, `key-${i}`, i === 1 ? '7' : null, String(100 + i), i, 0, true, marks);
  });
  return new RecordBatch(builder.seal(0, 1, 0, 0), { stream: 's', shardId: 'x', token: 1, processor });
}

/** Says how each value was made. */
function watched(processor: Processor) {
  const calls: string[] = [];
  const text = processor.deserializeText;
  return {
    calls,
    processor: {
      ...processor,
      deserialize: (data: Uint8Array) => {
        calls.push('bytes');
        return processor.deserialize(data);
      },
      deserializeText:
        text === null
          ? null
          : (data: string) => {
              calls.push('text');
              return text(data);
            },
    },
  };
}

const errorOf = (run: () => unknown): Error => {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('did not throw');
};

describe('values of records', () => {
  let json: Processor;
  before(async () => {
    json = await createProcessor({ name: 'json', options: {} });
  });

  it('that were flagged throw ERR_UNDECODABLE each time, copies too, and the others do not', () => {
    const reasons = {
      'broken-frame': /frames of its aggregate break off/,
      'not-inflated': /does not inflate in the fetch thread, though not when it was tried again/,
      'inflated-too-large': /more than `maxInflatedBytes` \(33554432\)/,
      'too-many-records': /more than `maxRecordsPerAggregate` \(524288\)/,
      'transform-failed': /`transform` failed/,
    } as const;
    for (const [reason, message] of Object.entries(reasons)) {
      const marks = undecodableMark(reason as keyof typeof reasons);
      const batch = batchOf([{ data: '1' }, { data: '2', marks }, { data: '3' }], json);
      const flagged = batch.at(1)!;
      for (const record of [flagged, flagged, flagged.copy()]) {
        const error = errorOf(() => record.value);
        expect(error).to.have.property('code', 'ERR_UNDECODABLE');
        expect(error.message).to.match(message);
        expect(record.data.toString()).to.equal('2');
        expect([record.aggregated, record.explicitHashKey]).to.deep.equal([true, '7']);
      }
      expect([batch.at(0)!.value, batch.at(2)!.value]).to.deep.equal([1, 3]);
    }
  });

  it('say why they did not inflate', async () => {
    const gzip = await createProcessor({ name: 'json', options: { compression: 'gzip' } });
    const batch = batchOf([{ data: 'no gzip', marks: undecodableMark('not-inflated') }], gzip);
    expect(errorOf(() => batch.at(0)!.value).message).to.match(/does not inflate: incorrect header check/);
  });

  it('are cut out of one text where a batch is ASCII and its records are small', () => {
    const { calls, processor } = watched(json);
    const batch = batchOf([{ data: '{"a":1}' }, { data: '"b"' }, { data: '' }, { data: '[3]' }], processor);
    expect(batch.at(3)!.value).to.deep.equal([3]);
    expect(batch.at(0)!.value).to.deep.equal({ a: 1 });
    expect(errorOf(() => batch.at(2)!.value)).to.have.property('code', 'ERR_UNDECODABLE');
    expect(batch.at(1)!.value).to.equal('b');
    expect(calls).to.deep.equal(['text', 'text', 'text', 'text']);
    // Everyone had a turn, so the text is gone; a second look at the one that threw takes its bytes.
    expect(errorOf(() => batch.at(2)!.value)).to.have.property('code', 'ERR_UNDECODABLE');
    expect(calls.at(-1)).to.equal('bytes');
  });

  it('are decoded one by one where that is no gain or would not be right', () => {
    const cases: readonly (readonly [string, readonly Given[]])[] = [
      ['a record that is not ASCII', [{ data: '"a"' }, { data: '"é"' }]],
      ['a record that is not UTF-8', [{ data: '"a"' }, { data: Buffer.from([0x22, 0xe9, 0x22]) }]],
      ['a single record', [{ data: '"a"' }]],
      ['large records', [{ data: '"a"' }, { data: `"${'x'.repeat(5000)}"` }]],
    ];
    for (const [title, records] of cases) {
      const { calls, processor } = watched(json);
      const batch = batchOf(records, processor);
      expect(batch.at(0)!.value, title).to.equal('a');
      if (title.includes('UTF-8')) expect(errorOf(() => batch.at(1)!.value).message).to.match(/not valid/);
      expect([...new Set(calls)], title).to.deep.equal(['bytes']);
    }
  });

  it('are made of the data as a handler left it, where it took the data first', () => {
    const batch = batchOf([{ data: '1' }, { data: '2' }], json);
    expect(batch.at(0)!.value).to.equal(1);
    batch.at(1)!.data.write('9');
    expect(batch.at(1)!.value).to.equal(9);
  });

  it('are the same by text and by bytes, for random batches', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      const records = Array.from({ length: integerFrom(random, 1, 30) }, () => {
        const value = {
          n: random(),
          text: 'x'.repeat(integerFrom(random, 0, 20)) + (random() < 0.01 ? 'é' : ''),
        };
        return { data: random() < 0.05 ? '{"cut' : JSON.stringify(value) };
      });
      const valueOf = (read: () => unknown) => {
        try {
          return read();
        } catch (error) {
          return (error as Error).message;
        }
      };
      const byText = batchOf(records, json);
      const byBytes = batchOf(records, { deserialize: json.deserialize });
      for (let i = records.length - 1; i >= 0; i -= 1) {
        expect(
          valueOf(() => byText.at(i)!.value),
          `seed ${seed}`,
        ).to.deep.equal(valueOf(() => byBytes.at(i)!.value));
      }
    }
  });

  it('by text do not keep the text of their batch in memory', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const size = 400;
    const kept: unknown[] = [];
    const heap = () => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let round = 0; round < 50; round += 1) {
      const records = Array.from({ length: 1000 }, (_, n) => ({
        data: JSON.stringify({ n, t: 'x'.repeat(size) }),
      }));
      for (const { value } of batchOf(records, json)) {
        if ((value as { n: number }).n === 0) kept.push((value as { t: string }).t);
      }
    }
    // 50 texts of 400 kB, or 50 strings of 400 B.
    expect(heap() - before).to.be.below(4 * 2 ** 20);
    expect(kept).to.have.length(50);
  });
});
