import { createRequire } from 'node:module';
import { randomBytes, randomInt } from 'node:crypto';
import { expect } from 'chai';
import { splitKpl } from '../../src/codec/kpl.ts';
import type { SplitSink } from '../../src/codec/processor.ts';
import { aggregate, field, frame, type InnerRecord, message, varint } from './aggregate.ts';
import { framesOf, texts } from './splits.ts';

interface Found {
  data: Uint8Array;
  key: string;
  hashKey: string | null;
  sub: number;
  aggregated: boolean;
}

function split(data: Uint8Array, partitionKey = 'outer', maxRecords = 1_000_000): Found[] {
  const found: Found[] = [];
  const sink: SplitSink = {
    add: (data, key, hashKey, sub, aggregated) => found.push({ data, key, hashKey, sub, aggregated }),
  };
  splitKpl(data, partitionKey, sink, maxRecords);
  return found;
}

const text = (found: Found[]) => found.map(({ data }) => Buffer.from(data).toString());

function expectPlain(data: Uint8Array): void {
  const found = split(data);
  expect(found).to.have.length(1);
  expect(found[0]).to.include({ key: 'outer', hashKey: null, sub: 0, aggregated: false });
  expect(Buffer.from(found[0]!.data).equals(data)).to.equal(true);
}

const bytes = (value: string) => Buffer.from(value);

describe('codec/kpl', () => {
  it('reads the golden bytes of an aggregate', () => {
    // Two keys, one hash key, two records; written out by hand from the format and hashed with md5sum.
    const golden = Buffer.from(
      'f3899ac2' +
        '0a0161' + // partition_key_table: "a"
        '0a0162' + // partition_key_table: "b"
        '120137' + // explicit_hash_key_table: "7"
        '1a07080010001a0131' + // record: key 0, hash key 0, data "1"
        '1a0608011a023232' + // record: key 1, data "22"
        '252c904d84d079c86029148e11fae50c',
      'hex',
    );
    expect(split(golden)).to.deep.equal([
      { data: new Uint8Array(bytes('1')), key: 'a', hashKey: '7', sub: 0, aggregated: true },
      { data: new Uint8Array(bytes('22')), key: 'b', hashKey: null, sub: 1, aggregated: true },
    ]);
  });

  it('reads what Amazon’s own aggregator for Node writes', async () => {
    const { RecordAggregator } = createRequire(import.meta.url)('aws-kinesis-agg') as {
      RecordAggregator: new () => {
        addUserRecord(record: object): void;
        flushBufferedRecords(done: (error: unknown, encoded: { data: Buffer }) => void): void;
      };
    };
    const aggregator = new RecordAggregator();
    const records = Array.from({ length: 50 }, (_, i) => ({
      partitionKey: `key-${i % 7}`,
      data: bytes(`value ${i}`).toString('base64'),
      ...(i % 3 === 0 ? { explicitHashKey: String(i) } : {}),
    }));
    for (const { data, ...rest } of records)
      aggregator.addUserRecord({ ...rest, data: Buffer.from(data, 'base64') });
    const encoded = await new Promise<{ data: Buffer }>((resolve) => {
      aggregator.flushBufferedRecords((_error, record) => resolve(record));
    });
    const found = split(encoded.data);
    expect(text(found)).to.deep.equal(records.map((_, i) => `value ${i}`));
    expect(found.map(({ key }) => key)).to.deep.equal(records.map(({ partitionKey }) => partitionKey));
    expect(found.map(({ hashKey }) => hashKey)).to.deep.equal(
      records.map((record) => record.explicitHashKey ?? null),
    );
  });

  it('is read by Amazon’s own deaggregator for Node as by ours', () => {
    const { deaggregateSync } = createRequire(import.meta.url)('aws-kinesis-agg') as {
      deaggregateSync(
        record: object,
        checksums: boolean,
        done: (error: unknown, records: { data: string }[]) => void,
      ): void;
    };
    const data = aggregate({
      keys: ['k'],
      records: [1, 2, 3].map((n) => ({ key: 0, data: bytes(`v${n}`) })),
    });
    let theirs: string[] = [];
    deaggregateSync({ data: data.toString('base64') }, true, (_error, records) => {
      theirs = records.map((record) => Buffer.from(record.data, 'base64').toString());
    });
    expect(theirs).to.deep.equal(text(split(data)));
  });

  it('gives views into the memory it was given, and copies no payload', () => {
    const slab = Buffer.concat([
      randomBytes(100),
      aggregate({ keys: ['k'], records: [{ key: 0, data: bytes('abc') }] }),
    ]);
    const outer = new Uint8Array(slab.buffer, slab.byteOffset + 100, slab.length - 100);
    const [found] = split(outer);
    expect(found!.data.buffer).to.equal(slab.buffer);
    expect(found!.data).to.deep.equal(new Uint8Array(bytes('abc')));
  });

  it('reads tables that stand behind their records, tags, unknown fields and a field given twice', () => {
    const tag = field(4, Buffer.concat([field(1, bytes('name')), field(2, bytes('value'))]));
    const unknown = Buffer.concat([
      varint((9 << 3) | 0),
      varint(300),
      varint((10 << 3) | 1),
      Buffer.alloc(8),
      varint((11 << 3) | 5),
      Buffer.alloc(4),
      field(12, bytes('new')),
    ]);
    const first = Buffer.concat([tag, unknown, field(3, bytes('overridden'))]);
    const body = Buffer.concat([
      message({ records: [{ key: 1, hashKey: 0, data: bytes('x'), extra: first }] }),
      message({ keys: ['k0', 'k1'], hashKeys: ['5'], extra: unknown }),
    ]);
    expect(split(frame(body)).map(({ key, hashKey }) => ({ key, hashKey }))).to.deep.equal([
      { key: 'k1', hashKey: '5' },
    ]);
    expect(text(split(frame(body)))).to.deep.equal(['x']);
  });

  it('keeps partition keys as they are: empty, integer-like, of other scripts', () => {
    const keys = ['', '1', '0', '鍵', '__proto__'];
    const records = keys.map((_, key) => ({ key, data: bytes('') }));
    const found = split(aggregate({ keys, records }));
    expect(found.map(({ key }) => key)).to.deep.equal(keys);
    expect(found.map(({ data }) => data.length)).to.deep.equal([0, 0, 0, 0, 0]);
  });

  for (const index of [1, 127, 2 ** 28, 2 ** 32, 2n ** 35n, 2n ** 64n - 1n]) {
    it(`delivers a record whose index is ${index} with the outer key, and loses no other`, () => {
      const records: InnerRecord[] = [
        { key: 0, data: bytes('a') },
        { key: index, hashKey: index, data: bytes('b') },
        { key: 0, hashKey: 0, data: bytes('c') },
      ];
      const found = split(aggregate({ keys: ['k'], hashKeys: ['9'], records }));
      expect(text(found)).to.deep.equal(['a', 'b', 'c']);
      expect(found.map(({ key }) => key)).to.deep.equal(['k', 'outer', 'k']);
      expect(found.map(({ hashKey }) => hashKey)).to.deep.equal([null, null, '9']);
      expect(found.map(({ sub }) => sub)).to.deep.equal([0, 1, 2]);
    });
  }

  it('gives nothing for an aggregate of no records', () => {
    expect(split(frame(Buffer.alloc(0)))).to.deep.equal([]);
    expect(split(aggregate({ keys: ['k'] }))).to.deep.equal([]);
  });

  it('gives an aggregate of more records than allowed as one that is flagged, and one of just as many in full', () => {
    const data = aggregate({ keys: ['k'], records: [1, 2, 3].map((n) => ({ key: 0, data: bytes(`${n}`) })) });
    expect(text(split(data, 'outer', 3))).to.deep.equal(['1', '2', '3']);
    expect(texts(framesOf(splitKpl, data, 2))).to.deep.equal([`${data.toString('latin1')}!too-many-records`]);
  });

  it('takes an explicit hash key that is no number for none, and keys of a length that explodes for no aggregate', () => {
    const hashKeys = ['5', '1,2', '', 'x', '9'.repeat(40), '-1'];
    const records = hashKeys.map((_, hashKey) => ({ key: 0, hashKey, data: bytes('d') }));
    const found = split(aggregate({ keys: ['k'.repeat(1024)], hashKeys, records }));
    expect(found.map(({ hashKey }) => hashKey)).to.deep.equal(['5', null, null, null, null, null]);
    expectPlain(aggregate({ keys: ['k'.repeat(1025)], records: [{ key: 0, data: bytes('d') }] }));
  });

  it('does not open an aggregate within an aggregate', () => {
    const inner = aggregate({ keys: ['k'], records: [{ key: 0, data: bytes('x') }] });
    const found = split(aggregate({ keys: ['k'], records: [{ key: 0, data: inner }] }));
    expect(found).to.have.length(1);
    expect(Buffer.from(found[0]!.data).equals(inner)).to.equal(true);
  });

  const good = { keys: ['k'], records: [{ key: 0, data: bytes('abc') }] };
  const plain: [string, Uint8Array][] = [
    ['nothing', Buffer.alloc(0)],
    ['the magic alone', bytes('').fill(0)],
    ['19 bytes', aggregate({}).subarray(0, 19)],
    ['text', bytes('{"value": "long enough to be an aggregate"}')],
    ['another magic', Buffer.concat([Buffer.from('f3899ac1', 'hex'), aggregate(good).subarray(4)])],
    ['a wrong MD5', Buffer.concat([aggregate(good).subarray(0, -1), Buffer.from([0])])],
    ['a byte changed inside', Buffer.from(aggregate(good)).fill(0x7a, 12, 13)],
    ['a right MD5 of no protobuf', frame(bytes('this is no protobuf'))],
    ['a record without a partition key index', aggregate({ keys: ['k'], records: [{ data: bytes('x') }] })],
    ['a record without data', frame(field(3, Buffer.concat([varint(1 << 3), varint(0)])))],
    [
      'a record longer than the aggregate',
      frame(Buffer.concat([varint((3 << 3) | 2), varint(50), bytes('x')])),
    ],
    [
      'data longer than its record',
      frame(field(3, Buffer.concat([Buffer.from('08001a7f', 'hex'), bytes('x')]))),
    ],
    [
      'data longer than its record but not than the aggregate',
      // The three bytes too many are just the key that follows, so that only the end of the record gives it away.
      frame(Buffer.concat([field(3, Buffer.from('08001a0478', 'hex')), field(1, bytes('a'))])),
    ],
    [
      'a good record before a broken one',
      frame(Buffer.concat([message(good), field(3, Buffer.from('ff', 'hex'))])),
    ],
    ['an endless varint', frame(field(3, Buffer.concat([varint(1 << 3), Buffer.alloc(11, 0xff)])))],
    ['field number 0', frame(Buffer.from([2, 0]))],
    ['a wire type that is none', frame(Buffer.from([(9 << 3) | 7]))],
    ['groups nested without end', frame(Buffer.alloc(5_000, (9 << 3) | 3))],
  ];
  for (const [title, data] of plain) it(`takes ${title} for one plain record`, () => expectPlain(data));

  it('delivers every record of random aggregates', () => {
    for (let round = 0; round < 200; round++) {
      const keys = Array.from({ length: randomInt(1, 300) }, (_, i) => `key-${i}`);
      const hashKeys = Array.from({ length: randomInt(1, 200) }, (_, i) => String(i));
      const records = Array.from({ length: randomInt(1, 50) }, () => ({
        data: randomBytes(randomInt(0, 300)),
        key: randomInt(keys.length),
        hashKey: randomInt(2) === 0 ? undefined : randomInt(hashKeys.length),
      }));
      const found = split(aggregate({ keys, hashKeys, records }));
      expect(found.length).to.equal(records.length);
      records.forEach((record, i) => {
        expect(record.data.equals(found[i]!.data)).to.equal(true);
        expect(found[i]).to.include({ key: keys[record.key], sub: i, aggregated: true });
        expect(found[i]!.hashKey).to.equal(record.hashKey === undefined ? null : hashKeys[record.hashKey]);
      });
    }
  });

  it('takes any truncation and any corruption for one plain record', () => {
    const whole = aggregate({
      keys: ['a', 'b'],
      hashKeys: ['1'],
      records: Array.from({ length: 5 }, (_, i) => ({ key: i % 2, hashKey: 0, data: randomBytes(20) })),
    });
    for (let length = 0; length < whole.length; length++) expectPlain(whole.subarray(0, length));
    for (let at = 0; at < whole.length; at++) {
      const broken = Buffer.from(whole);
      broken[at]! ^= 1 << randomInt(8);
      expectPlain(broken);
    }
  });

  it('never throws and never loses the record where the MD5 is right but the protobuf is garbage', () => {
    const whole = message({
      keys: ['a', 'b'],
      hashKeys: ['1'],
      records: Array.from({ length: 5 }, (_, i) => ({ key: i % 2, hashKey: 0, data: randomBytes(20) })),
    });
    for (let round = 0; round < 10_000; round++) {
      const broken = Buffer.from(whole.subarray(0, round % 2 === 0 ? randomInt(whole.length) : undefined));
      for (let i = randomInt(4); i > 0 && broken.length > 0; i--)
        broken[randomInt(broken.length)] = randomInt(256);
      const data = frame(broken);
      const found = split(data);
      if (found.length === 1 && !found[0]!.aggregated) expect(data.equals(found[0]!.data)).to.equal(true);
      const isInside = ({ data: part }: Found) =>
        part.byteOffset >= data.byteOffset &&
        part.byteOffset + part.length <= data.byteOffset + data.length &&
        part.buffer === data.buffer;
      expect(found.every(isInside)).to.equal(true);
      expect(found.every(({ key }) => typeof key === 'string')).to.equal(true);
    }
  });
});
