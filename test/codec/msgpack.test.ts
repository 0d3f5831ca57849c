import { expect } from 'chai';
import { Packr } from 'msgpackr';
import { createProcessor } from '../../src/codec/create-processor.ts';
import type { Processor } from '../../src/codec/processor.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { splitBy } from './splits.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const packr = new Packr({ useRecords: false, variableMapSize: true });

describe('codec: msgpack', () => {
  let processor: Processor;
  before(async () => {
    processor = await createProcessor({ name: 'kpl-msgpack', options: {} });
  });

  const refused = (data: Uint8Array): ShardpoolError => {
    try {
      processor.deserialize(data);
    } catch (error) {
      expect(error).to.be.instanceOf(ShardpoolError).and.have.property('code', 'ERR_UNDECODABLE');
      return error as ShardpoolError;
    }
    throw new Error('was decoded');
  };

  // Written out by hand from the specification, as the msgpack package of Python writes them.
  const golden: readonly (readonly [string, string, unknown])[] = [
    ['nil', 'c0', null],
    ['booleans', '92 c2 c3', [false, true]],
    ['small integers', '94 00 7f e0 ff', [0, 127, -32, -1]],
    [
      'integers of 8 to 32 bits',
      '94 cc ff cd ffff ce ffffffff d2 80000000',
      [255, 65535, 2 ** 32 - 1, -(2 ** 31)],
    ],
    ['64 bits that a number holds', 'cf 0000 0001 0000 0000', 2 ** 32],
    ['the largest that a number holds', 'cf 0020 0000 0000 0000', 2 ** 53],
    ['64 bits that no number holds', 'cf 0020 0000 0000 0001', 2n ** 53n + 1n],
    ['2^64 - 1', 'cf ffff ffff ffff ffff', 2n ** 64n - 1n],
    ['-2^63', 'd3 8000 0000 0000 0000', -(2n ** 63n)],
    ['a small number in 64 bits', 'd3 ffff ffff ffff ffff', -1],
    ['floats', '92 ca 3fc00000 cb 3fb999999999999a', [1.5, 0.1]],
    ['a text', 'a4 74657374', 'test'],
    ['a text of other scripts', 'a9 e98db5 f09f9491 c3a9', '鍵🔑é'],
    ['a map', '82 a1 61 01 a1 62 92 02 c0', { a: 1, b: [2, null] }],
    ['a map with numbers as keys', '81 01 a1 61', { 1: 'a' }],
    ['a timestamp of 32 bits', 'd6 ff 65920080', new Date(1_704_067_200_000)],
    ['a timestamp of 64 bits', 'd7 ff 77359400 65920080', new Date(1_704_067_200_500)],
  ];
  for (const [title, bytes, value] of golden) {
    it(`reads ${title}`, () => {
      expect(processor.deserialize(hex(bytes))).to.deep.equal(value);
    });
  }

  it('gives `bin` as a view, and leaves nothing on the data', () => {
    const data = hex('c4 03 010203');
    const value = processor.deserialize(data) as Uint8Array;
    expect([...value]).to.deep.equal([1, 2, 3]);
    expect(value.buffer).to.equal(data.buffer);
    expect(Object.keys(data)).to.deep.equal(Object.keys(hex('c4 03 010203')));
  });

  it('reads what a writer of 100 kinds of values wrote, in netstrings', async () => {
    const values = Array.from({ length: 100 }, (_, n) => ({
      n,
      text: 'é'.repeat(n),
      list: [n, [null]],
      big: 2n ** 60n,
    }));
    const frames = values.map((value) => {
      const packed = packr.pack(value);
      return Buffer.concat([Buffer.from(`${packed.length}:`), packed, Buffer.from(',')]);
    });
    const netstrings = await createProcessor({ name: 'msgpack', options: {} });
    const found = splitBy(netstrings, Buffer.concat(frames));
    expect(found.map(({ data }) => netstrings.deserialize(data))).to.deep.equal(values);
  });

  const broken: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['a text that is cut', 'a4 7465'],
    ['a map that is cut', '82 a1 61 01'],
    ['a number that is cut', 'cf 0000'],
    ['bytes that are cut', 'c4 ff 00'],
    ['a second value', '01 02'],
    ['the byte that means nothing', 'c1 c1'],
    ['an extension that nobody knows', 'd4 05 00'],
  ];
  for (const [title, bytes] of broken) {
    it(`refuses ${title}`, () => {
      refused(hex(bytes));
      // Nothing of it is left for the next.
      expect(processor.deserialize(hex('93 01 02 03'))).to.deep.equal([1, 2, 3]);
    });
  }

  it('refuses what nests deeper than the stack, and lives on', () => {
    for (const open of ['91', '81a161', 'dd00000001', 'df00000001a161']) {
      const depth = Math.floor(2 ** 20 / (open.length / 2));
      expect(refused(hex(`${open.repeat(depth)}c0`)).cause, open).to.be.instanceOf(RangeError);
    }
    expect(processor.deserialize(hex('a161'))).to.equal('a');
  });

  it('allocates nothing for arrays, maps and texts that claim to hold more than there is', () => {
    const before = process.memoryUsage();
    for (const claim of [
      'ddffffffff',
      'dd01ffffff',
      'dfffffffff',
      'dbffffffff',
      'c6ffffffff',
      'c9ffffffff05',
    ]) {
      refused(hex(claim));
      refused(hex(claim.repeat(1_000)));
      refused(hex(`dd00000fff${claim.repeat(1_000)}`));
    }
    const after = process.memoryUsage();
    expect(after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers).to.be.below(
      64 * 2 ** 20,
    );
  });
});
