import { createRequire } from 'node:module';
import { expect } from 'chai';
import { createProcessor } from '../../src/codec/create-processor.ts';
import type { Processor } from '../../src/codec/processor.ts';
import type { ProcessorSpec } from '../../src/model/specs.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { integerFrom, type Random, seededRandom } from '../fakes/random.ts';
import { aggregate } from './aggregate.ts';
import { damaged, type Format, FORMATS, randomRecord, type RandomRecord } from './random-records.ts';
import { type Split, splitBy } from './splits.ts';

/** 100 000 in all, with those of kpl.test.ts. */
const CASES: Readonly<Record<Format, number>> = {
  lines: 24_000,
  netstring: 24_000,
  list: 24_000,
  kpl: 16_000,
  'compressed lines': 4_000,
};

const SPECS: Readonly<Record<Format, ProcessorSpec>> = {
  lines: { name: 'json-lines', options: {} },
  netstring: { name: 'msgpack', options: {} },
  list: { name: 'json-list', options: { elements: true } },
  kpl: { name: 'kpl-msgpack', options: {} },
  'compressed lines': { name: 'json-lines', options: { compression: 'deflate', maxInflatedBytes: 100_000 } },
};

/** Runs `check` with one seed after the other; a failure names its own. */
function forSeeds(count: number, check: (random: Random) => void): void {
  for (let seed = 1; seed <= count; seed += 1) {
    try {
      check(seededRandom(seed));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

// By hand: a hundred thousand assertions of chai take longer than all that they are about.
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function mustBeWhole(found: readonly Split[], { parts }: RandomRecord, where: string): void {
  must(found.length === parts.length, `${where}: ${found.length} of ${parts.length} records`);
  found.forEach(({ data, sub, reason, aggregated }, i) => {
    must(reason === null && aggregated && sub === i, `${where}: record ${i} is ${sub}, ${String(reason)}`);
    must(parts[i]!.equals(data), `${where}: record ${i} has other bytes`);
  });
}

/** Numbered without a gap, in the order of their bytes, no byte twice; at most the last one flagged, up to the end. */
function mustBeInOrder(found: readonly Split[], data: Buffer): void {
  let at = data.byteOffset;
  found.forEach(({ data: part, sub, reason }, i) => {
    must(sub === i, `record ${i} has the number ${sub}`);
    must(part.buffer === data.buffer && part.byteOffset >= at, `record ${i} lies before the end of the last`);
    at = part.byteOffset + part.byteLength;
    if (reason !== null) {
      must(i === found.length - 1, `record ${i} is flagged and not the last`);
      must(at === data.byteOffset + data.length, 'the rest does not reach to the end');
    }
  });
  must(at <= data.byteOffset + data.length, 'reaches beyond the record');
}

/** A value, or ERR_UNDECODABLE, and nothing else. */
function mustDecodeOrSay(processor: Processor, { data, reason }: Split): void {
  if (reason !== null) return;
  try {
    processor.deserialize(data);
  } catch (error) {
    must(error instanceof ShardpoolError && error.code === 'ERR_UNDECODABLE', String(error));
  }
}

describe('record formats: any damage', function () {
  this.timeout(60_000);

  for (const format of FORMATS) {
    it(`to one record of ${format} costs no other, and never throws`, async () => {
      const processor = await createProcessor(SPECS[format]);
      forSeeds(CASES[format], (random) => {
        const before = randomRecord(random, format, integerFrom(random, 1, 3));
        const victim = randomRecord(random, format);
        const behind = randomRecord(random, format, 1);
        const broken = damaged(random, victim.data, format);
        // As in a page: one memory, so that whoever reads over an end reads the neighbour.
        const slab = Buffer.concat([before.data, broken.data, behind.data]);
        const end = before.data.length + broken.data.length;
        const middle = slab.subarray(before.data.length, end);
        mustBeWhole(splitBy(processor, slab.subarray(0, before.data.length)), before, 'before');
        const found = splitBy(processor, middle);
        mustBeWhole(splitBy(processor, slab.subarray(end)), behind, 'behind');

        if (format !== 'compressed lines') mustBeInOrder(found, middle);
        for (const each of found) mustDecodeOrSay(processor, each);
        if (broken.damage === 'cut' && format !== 'compressed lines')
          mustBeCut(found, victim, middle, format);
      });
    });
  }

  function mustBeCut(found: readonly Split[], { parts }: RandomRecord, data: Buffer, format: Format): void {
    if (format === 'kpl' || (format === 'list' && data.length === 0)) {
      must(found.length === 1 && data.equals(found[0]!.data) && !found[0]!.aggregated, 'is not whole');
      return;
    }
    const last = found.at(-1);
    const whole =
      last !== undefined && (last.reason !== null || format === 'lines') ? found.slice(0, -1) : found;
    whole.forEach((each, i) =>
      must(parts[i]!.equals(each.data), `record ${i} is another than before the cut`),
    );
    // Everything up to the cut is somewhere: the good ones and, unless nothing but white space is left, the rest.
    if (format === 'netstring') {
      const bytes = whole.reduce((sum, each) => sum + `${each.data.length}:,`.length + each.data.length, 0);
      const rest = last?.reason === 'broken-frame' ? last.data.length : 0;
      must(bytes + rest === data.length, `${data.length - bytes - rest} bytes are missing`);
    }
  }
});

interface TheirAggregator {
  addUserRecord(record: object): void;
  flushBufferedRecords(done: (error: unknown, encoded: { data: Buffer; partitionKey: string }) => void): void;
}
interface TheirRecord {
  readonly partitionKey: string;
  readonly explicitPartitionKey?: string;
  readonly data: string;
  readonly subSequenceNumber: number;
}
const { RecordAggregator, deaggregateSync } = createRequire(import.meta.url)('aws-kinesis-agg') as {
  RecordAggregator: new () => TheirAggregator;
  deaggregateSync(
    record: object,
    checksums: boolean,
    done: (error: unknown, records: readonly TheirRecord[]) => void,
  ): void;
};

describe('record formats: KPL aggregates', () => {
  // aws-kinesis-agg keeps its tables in an object: keys that look like integers change places there, and the records get
  // the keys of others. So partition keys begin with a letter here and explicit hash keys are long; ours has no such
  // limit (test/codec/kpl.test.ts).
  it('that aws-kinesis-agg writes are read as they were given to it', async () => {
    const processor = await createProcessor({ name: 'kpl-string', options: {} });
    forSeeds(300, (random) => {
      const aggregator = new RecordAggregator();
      const given = Array.from({ length: integerFrom(random, 1, 40) }, (_, i) => ({
        partitionKey: `k${integerFrom(random, 0, 9)}é`,
        data: Buffer.from(`${i} ${'é'.repeat(integerFrom(random, 0, 90))}`),
        ...(random() < 0.3 ? { explicitHashKey: `1${integerFrom(random, 0, 5)}${'0'.repeat(20)}` } : {}),
      }));
      for (const record of given) aggregator.addUserRecord(record);
      let data: Buffer | null = null;
      aggregator.flushBufferedRecords((_error, encoded) => (data = encoded.data));
      const found = splitBy(processor, data!);
      must(found.length === given.length, `${found.length} of ${given.length} records`);
      given.forEach((record, i) => {
        const { key, hashKey, data: bytes, sub } = found[i]!;
        must(key === record.partitionKey && hashKey === (record.explicitHashKey ?? null), `the keys of ${i}`);
        must(record.data.equals(bytes) && sub === i, `the data of ${i}`);
      });
    });
  });

  it('are read by aws-kinesis-agg as by ours', async () => {
    const processor = await createProcessor({ name: 'kpl-string', options: {} });
    forSeeds(300, (random) => {
      const keys = Array.from({ length: integerFrom(random, 1, 5) }, (_, i) => `k${i}`);
      const data = aggregate({
        keys,
        records: Array.from({ length: integerFrom(random, 1, 40) }, (_, i) => ({
          key: integerFrom(random, 0, keys.length - 1),
          data: Buffer.from(`value ${i}`),
        })),
      });
      let theirs: readonly TheirRecord[] = [];
      deaggregateSync({ data: data.toString('base64') }, true, (_error, records) => (theirs = records));
      const ours = splitBy(processor, data).map(({ key, text, sub }) => [key, text, sub]);
      expect(
        theirs.map((each) => [
          each.partitionKey,
          Buffer.from(each.data, 'base64').toString(),
          each.subSequenceNumber,
        ]),
      ).to.deep.equal(ours);
    });
  });
});
