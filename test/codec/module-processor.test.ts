import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createProcessor } from '../../src/codec/create-processor.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { aggregate } from './aggregate.ts';
import { splitBy, texts } from './splits.ts';

const bytes = (value: string) => new Uint8Array(Buffer.from(value));
const load = (source: string, options: Record<string, unknown> = {}) =>
  createProcessor({ module: `data:text/javascript,${encodeURIComponent(source)}`, options });
const failure = async (run: () => unknown): Promise<ShardpoolError> => {
  try {
    await run();
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError);
    return error as ShardpoolError;
  }
  throw new Error('Did not fail');
};
const INFO = { partitionKey: 'outer', explicitHashKey: null, sequenceNumber: '77', subSequenceNumber: 0 };

describe('codec/module-processor', () => {
  describe('parts by name', () => {
    const aggregators: readonly (readonly [string, Buffer, readonly string[]])[] = [
      ['plain', Buffer.from('1\n2'), ['1\n2']],
      ['lines', Buffer.from('1\n2'), ['1', '2']],
      ['netstring', Buffer.from('1:1,1:2,'), ['1', '2']],
      ['list', Buffer.from('[1,2]'), ['1', '2']],
      ['kpl', aggregate({ keys: ['k'], records: [{ key: 0, data: bytes('1') }] }), ['1']],
    ];
    for (const [name, data, expected] of aggregators) {
      it(`the aggregator ${name}, with a deserialize of one's own`, async () => {
        const processor = await load(
          `export default { aggregator: '${name}', deserialize: (data) => data.length }`,
        );
        expect(texts(splitBy(processor, data))).to.deep.equal(expected);
        expect(processor.deserialize(bytes('abc'))).to.equal(3);
        expect(processor.deserializeText).to.equal(null);
      });
    }

    for (const [serializer, data, expected] of [
      ['json', '{"a":1}', { a: 1 }],
      ['string', 'text', 'text'],
      ['msgpack', '\u0005', 5],
    ] as const) {
      it(`the serializer ${serializer}, with a split of one's own`, async () => {
        const processor = await load(
          `export default class { serializer = '${serializer}'; split(d, k, sink) { sink.add(d, k); sink.add(d, k); } }`,
        );
        expect(splitBy(processor, bytes(data)).map(({ sub, aggregated }) => [sub, aggregated])).to.deep.equal(
          [
            [0, true],
            [1, true],
          ],
        );
        expect(processor.deserialize(bytes(data))).to.deep.equal(expected);
      });
    }

    it('compression and limits, before a split of one’s own too', async () => {
      const source = `export default (options) => ({ compression: 'gzip', ...options, serializer: 'string',
        split(data, key, sink) { for (const byte of data) sink.add(Uint8Array.of(byte), key); } })`;
      expect(texts(splitBy(await load(source), gzipSync('abc')))).to.deep.equal(['a', 'b', 'c']);
      expect(texts(splitBy(await load(source), Buffer.from('abc')))).to.deep.equal(['abc!not-inflated']);
      const small = await load(source, { maxInflatedBytes: 2 });
      expect(splitBy(small, gzipSync('abc')).map(({ reason }) => reason)).to.deep.equal([
        'inflated-too-large',
      ]);
      const few = await load(source, { maxRecordsPerAggregate: 2 });
      expect(texts(splitBy(few, gzipSync('abc')))).to.deep.equal(['abc!too-many-records']);
      expect(texts(splitBy(few, gzipSync('ab')))).to.deep.equal(['a', 'b']);
    });

    it('a `serialize` beside them is accepted: producers have a use for it', async () => {
      await load('export default { deserialize: (d) => d, serialize: (v) => v }');
    });
  });

  describe('transform', () => {
    const reversing = `export default { aggregator: 'lines', serializer: 'string',
      transform: (data, info) => {
        if (data[0] === 33) throw new RangeError('no ' + Buffer.from(data));
        if (data[0] === 63) return 'a string';
        return Buffer.concat([Uint8Array.from(data).reverse(), Buffer.from(JSON.stringify(info))]);
      } }`;

    it('makes the data of each user record, and knows which one that is', async () => {
      const found = splitBy(await load(reversing), bytes('ab\ncd\n'));
      expect(texts(found)).to.deep.equal(
        ['ba', 'dc'].map((text, sub) => text + JSON.stringify({ ...INFO, subSequenceNumber: sub })),
      );
      expect(found.map(({ sub, aggregated }) => [sub, aggregated])).to.deep.equal([
        [0, true],
        [1, true],
      ]);
    });

    it('that throws, or returns no bytes, leaves the record as it was, flagged, and no other', async () => {
      const processor = await load(reversing);
      const found = splitBy(processor, bytes('ab\n!x\n?y\ncd'));
      expect(found.map(({ reason }) => reason)).to.deep.equal([
        null,
        'transform-failed',
        'transform-failed',
        null,
      ]);
      expect(texts(found).slice(1, 3)).to.deep.equal(['!x!transform-failed', '?y!transform-failed']);
      const thrown = processor.undecodable('transform-failed', found[1]!.data, INFO);
      expect(thrown).to.include({ code: 'ERR_UNDECODABLE' });
      expect(thrown.message).to.include('`transform` failed: no !x');
      expect(thrown.cause).to.be.instanceOf(RangeError);
      const wrong = processor.undecodable('transform-failed', found[2]!.data, INFO);
      expect(wrong.message).to.include('it returned no Uint8Array');
    });

    it('is not asked about what could not be taken apart before it', async () => {
      const processor = await load(
        `export default { aggregator: 'netstring', serializer: 'string', transform: () => Buffer.from('t') }`,
      );
      expect(texts(splitBy(processor, bytes('1:a,7:b')))).to.deep.equal(['t', '7:b!broken-frame']);
    });

    it('comes after the inflation', async () => {
      const processor = await load(
        `export default { compression: 'gzip', serializer: 'string', transform: (data) => data.slice(1) }`,
      );
      expect(texts(splitBy(processor, gzipSync('abc')))).to.deep.equal(['bc']);
    });

    it('may use `this`', async () => {
      const processor = await load(
        `export default class { serializer = 'string'; tail = Buffer.from('!');
          transform(data) { return Buffer.concat([data, this.tail]); } }`,
      );
      expect(texts(splitBy(processor, bytes('a')))).to.deep.equal(['a!']);
    });

    it('that is async is refused at once', async () => {
      const error = await failure(() =>
        load(`export default { name: 'mine', serializer: 'json', async transform(data) { return data; } }`),
      );
      expect(error.code).to.equal('ERR_INVALID_PROCESSOR');
      expect(error.message).to.match(/'mine' has an async `transform`/);
    });

    it('that returns a promise is refused at its first use, whatever becomes of the promise', async () => {
      const processor = await load(
        `export default { serializer: 'json', transform: (data) => Promise.reject(new Error('later')) }`,
      );
      const error = await failure(() => splitBy(processor, bytes('a')));
      expect(error.code).to.equal('ERR_INVALID_PROCESSOR');
      expect(error.message).to.include('not a promise');
      // A rejection that nobody handles would fail this test.
      await new Promise((resolve) => setImmediate(resolve));
    });
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    [
      'has an aggregator that is none',
      `{ aggregator: 'xml', deserialize() {} }`,
      /`aggregator` that is none of plain, kpl/,
    ],
    ['has a serializer that is none', `{ serializer: 'xml' }`, /`serializer` that is none of json, string/],
    [
      'has two ways to split',
      `{ aggregator: 'kpl', split() {}, deserialize() {} }`,
      /both `aggregator` and `split`/,
    ],
    [
      'has two ways to decode',
      `{ serializer: 'json', deserialize() {} }`,
      /both `serializer` and `deserialize`/,
    ],
    [
      'has a transform of the wrong type',
      `{ serializer: 'json', transform: 1 }`,
      /`transform` that is no function/,
    ],
    [
      'has a compression that is none',
      `{ serializer: 'json', compression: 'lzw' }`,
      /`processor.compression`.*'lzw'/,
    ],
    [
      'has a limit that is none',
      `{ serializer: 'json', maxInflatedBytes: 0 }`,
      /`processor.maxInflatedBytes`.*`0`/,
    ],
    ['is a class without any of it', `class {}`, /no function `deserialize`/],
  ];
  for (const [title, source, message] of wrong) {
    it(`that ${title} is refused as ERR_INVALID_PROCESSOR`, async () => {
      const error = await failure(() => load(`export default ${source}`));
      expect(error.code).to.equal('ERR_INVALID_PROCESSOR');
      expect(error.message).to.match(message);
    });
  }

  it('whose split names an explicit hash key that is none gets the record whole', async () => {
    const processor = await load(
      `export default { serializer: 'string', split(data, key, sink) { sink.add(data, key, '1,2'); } }`,
    );
    expect(splitBy(processor, bytes('abc'))).to.have.length(1);
    expect(splitBy(processor, bytes('abc'))[0]).to.include({ text: 'abc', hashKey: null, aggregated: false });
  });
});
