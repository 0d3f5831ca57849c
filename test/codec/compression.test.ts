import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { createProcessor } from '../../src/codec/create-processor.ts';
import { COMPRESSIONS } from '../../src/codec/processor-options.ts';
import type { ProcessorName } from '../../src/model/specs.ts';
import { aggregate } from './aggregate.ts';
import { splitBy, texts } from './splits.ts';

const MIB = 2 ** 20;
const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: Uint8Array) => Buffer };

const make = (name: ProcessorName, options: Record<string, unknown>) => createProcessor({ name, options });
const inflated = async (compression: string, data: Uint8Array, options: Record<string, unknown> = {}) =>
  splitBy(await make('bytes', { compression, ...options }), data);

const PLAIN = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000), n: 1 }));
const WRITERS: readonly (readonly [title: string, name: string, data: Buffer])[] = [
  ['gzip', 'gzip', gzipSync(PLAIN)],
  [
    'gzip in two members',
    'gzip',
    Buffer.concat([gzipSync(PLAIN.subarray(0, 9)), gzipSync(PLAIN.subarray(9))]),
  ],
  ['deflate', 'deflate', deflateSync(PLAIN)],
  ['deflate at its lowest level', 'deflate', deflateSync(PLAIN, { level: 0 })],
  ['deflate without a header', 'deflate', deflateRawSync(PLAIN)],
  ['brotli', 'brotli', brotliCompressSync(PLAIN)],
  ...(zstdCompressSync === undefined ? [] : ([['zstd', 'zstd', zstdCompressSync(PLAIN)]] as const)),
];

describe('codec: compression', () => {
  for (const [title, name, data] of WRITERS) {
    it(`reads ${title}`, async () => {
      const [record, ...others] = await inflated(name, data);
      expect(others).to.be.empty;
      expect(PLAIN.equals(record!.data)).to.equal(true);
      expect(record).to.include({ key: 'outer', sub: 0, aggregated: false, reason: null });
    });

    it(`delivers ${title} that is cut or damaged as it is, flagged`, async () => {
      for (const broken of [
        data.subarray(0, -3),
        data.subarray(0, 2),
        Buffer.alloc(0),
        Buffer.from('{"a":1}'),
      ]) {
        const found = await inflated(name, broken);
        expect(texts(found)).to.deep.equal([`${broken.toString('latin1')}!not-inflated`]);
      }
    });

    if (title === 'brotli' || title === 'deflate without a header') continue;
    it(`recognizes ${title}`, async () => {
      expect(PLAIN.equals((await inflated('auto', data))[0]!.data)).to.equal(true);
    });
  }

  it('takes what has no mark of a compression for uncompressed, where it is to find out', async () => {
    for (const text of ['', '{"a":1}', 'x^2 + y^2', 'x', '\u001f']) {
      expect(texts(await inflated('auto', Buffer.from(text)))).to.deep.equal([text]);
    }
  });

  it('flags what has a mark and does not inflate', async () => {
    const [record] = await inflated('auto', gzipSync(PLAIN).subarray(0, 20));
    expect(record!.reason).to.equal('not-inflated');
    const zstd = Buffer.from('28b52ffd00', 'hex');
    expect((await inflated('auto', zstd))[0]!.reason).to.equal('not-inflated');
  });

  describe('bombs', () => {
    const zeros = Buffer.alloc(48 * MIB);
    const bombs: readonly (readonly [string, Buffer])[] = [
      ['gzip', gzipSync(zeros)],
      ['deflate', deflateSync(zeros)],
      ['brotli', brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })],
      ['auto', deflateSync(zeros)],
    ];
    for (const [name, data] of bombs) {
      it(`${name}: stops at the limit, and takes no more memory than that`, async () => {
        const before = process.memoryUsage().arrayBuffers;
        const found = await inflated(name, data, { maxInflatedBytes: 4 * MIB });
        const grown = process.memoryUsage().arrayBuffers - before;
        expect(found.map(({ reason }) => reason)).to.deep.equal(['inflated-too-large']);
        expect(data.equals(found[0]!.data), 'the bytes as they were').to.equal(true);
        expect(grown).to.be.below(8 * MIB);
      });
    }

    it('stop at 32 MiB where nothing is said', async () => {
      expect((await inflated('gzip', bombs[0]![1]))[0]!.reason).to.equal('inflated-too-large');
      expect((await inflated('gzip', gzipSync(Buffer.alloc(32 * MIB))))[0]!.data.length).to.equal(32 * MIB);
    });

    it('are within the limit at the very byte', async () => {
      const data = gzipSync(Buffer.alloc(5000));
      expect((await inflated('gzip', data, { maxInflatedBytes: 5000 }))[0]!.reason).to.equal(null);
      expect((await inflated('gzip', data, { maxInflatedBytes: 4999 }))[0]!.reason).to.equal(
        'inflated-too-large',
      );
    });
  });

  it('is that of each user record of a KPL aggregate, so that one that does not inflate costs no other', async () => {
    const processor = await make('kpl-json', { compression: 'gzip' });
    const data = aggregate({
      keys: ['k'],
      hashKeys: ['5'],
      records: [
        { key: 0, data: gzipSync('1') },
        { key: 0, hashKey: 0, data: Buffer.from('2') },
        { key: 0, data: gzipSync('3') },
      ],
    });
    const found = splitBy(processor, data);
    expect(texts(found)).to.deep.equal(['1', '2!not-inflated', '3']);
    expect(found.map(({ sub, key, hashKey, aggregated }) => [sub, key, hashKey, aggregated])).to.deep.equal([
      [0, 'k', null, true],
      [1, 'k', '5', true],
      [2, 'k', null, true],
    ]);
    expect(texts(splitBy(processor, gzipSync('plain')))).to.deep.equal(['plain']);
  });

  it('is that of the whole Kinesis record where lines, netstrings or elements are in it', async () => {
    const whole: readonly (readonly [ProcessorName, string, Record<string, unknown>])[] = [
      ['json-lines', '1\n2\n', {}],
      ['msgpack', '1:1,1:2,', {}],
      ['json-list', '[1,2]', { elements: true }],
    ];
    for (const [name, text, options] of whole) {
      const processor = await make(name, { compression: 'deflate', ...options });
      expect(texts(splitBy(processor, deflateSync(text))), name).to.deep.equal(['1', '2']);
      expect(texts(splitBy(processor, Buffer.from('1\n2'))), name).to.deep.equal(['1\n2!not-inflated']);
    }
  });

  it('bounds the records of what was inflated', async () => {
    const processor = await make('json-lines', { compression: 'gzip' });
    const found = splitBy(processor, gzipSync('1\n'.repeat(2 ** 20)));
    expect(found).to.have.length(2 ** 19 + 1);
    expect(found.at(-1)).to.include({ reason: 'too-many-records', sub: 2 ** 19 });
    expect(found.at(-1)!.data.length).to.equal(2 ** 20);
  });

  it('zstd is refused at once where Node has none', async () => {
    if (zstdCompressSync !== undefined) return;
    const error: unknown = await make('json', { compression: 'zstd' }).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'ERR_INVALID_OPTION' });
    expect((error as Error).message).to.match(/needs Node 22\.15 or 23\.8/);
  });

  it('has every name that the options allow tested here', () => {
    const tested = new Set([...WRITERS.map(([, name]) => name), 'zstd', 'auto']);
    expect([...tested].sort()).to.deep.equal([...COMPRESSIONS].sort());
  });
});
