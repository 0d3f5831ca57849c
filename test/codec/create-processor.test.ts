import { expect } from 'chai';
import { createProcessor } from '../../src/codec/create-processor.ts';
import type { Processor, SplitSink } from '../../src/codec/processor.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { PROCESSORS, type ProcessorSpec } from '../../src/model/specs.ts';
import { aggregate } from './aggregate.ts';

const bytes = (value: string) => new Uint8Array(Buffer.from(value));
const AGGREGATE = aggregate({
  keys: ['k'],
  hashKeys: ['7'],
  records: [
    { key: 0, data: bytes('1') },
    { key: 0, hashKey: 0, data: bytes('{"a":2}') },
  ],
});

function split(processor: Processor, data: Uint8Array) {
  const found: [string, string, string | null, number, boolean][] = [];
  const sink: SplitSink = {
    add: (data, key, hashKey, sub, aggregated) =>
      found.push([Buffer.from(data).toString('latin1'), key, hashKey, sub, aggregated]),
  };
  processor.split(data, 'outer', sink, '1');
  return found;
}

async function failure(spec: ProcessorSpec): Promise<ShardpoolError> {
  const error: unknown = await createProcessor(spec).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(ShardpoolError);
  return error as ShardpoolError;
}

function undecodable(run: () => unknown): ShardpoolError {
  try {
    run();
  } catch (error) {
    expect(error)
      .to.be.instanceOf(ShardpoolError)
      .and.to.include({ code: 'ERR_UNDECODABLE', retryable: false });
    return error as ShardpoolError;
  }
  throw new Error('Was decoded');
}

describe('codec/create-processor', () => {
  it('makes every processor there is a name for', async () => {
    for (const name of PROCESSORS) expect((await createProcessor({ name, options: {} })).name).to.equal(name);
  });

  for (const name of ['json', 'string', 'bytes'] as const) {
    it(`${name} leaves each record whole, aggregates too`, async () => {
      const processor = await createProcessor({ name, options: {} });
      expect(split(processor, AGGREGATE)).to.deep.equal([
        [AGGREGATE.toString('latin1'), 'outer', null, 0, false],
      ]);
    });
  }

  for (const name of ['kpl-json', 'auto'] as const) {
    it(`${name} opens aggregates and passes on what is none`, async () => {
      const processor = await createProcessor({ name, options: {} });
      expect(split(processor, AGGREGATE)).to.deep.equal([
        ['1', 'k', null, 0, true],
        ['{"a":2}', 'k', '7', 1, true],
      ]);
      expect(split(processor, bytes('plain'))).to.deep.equal([['plain', 'outer', null, 0, false]]);
    });
  }

  it('auto gives bytes, or what `serializer` says', async () => {
    const value = async (options: Record<string, unknown>) =>
      (await createProcessor({ name: 'auto', options })).deserialize(bytes('[1]'));
    expect(await value({})).to.deep.equal(bytes('[1]'));
    expect(await value({ serializer: 'bytes' })).to.deep.equal(bytes('[1]'));
    expect(await value({ serializer: 'string' })).to.equal('[1]');
    expect(await value({ serializer: 'json' })).to.deep.equal([1]);
  });

  it('bytes gives the view itself', async () => {
    const data = bytes('x');
    expect((await createProcessor({ name: 'bytes', options: {} })).deserialize(data)).to.equal(data);
  });

  describe('text', () => {
    const texts = ['', 'plain ascii', 'naïve', '鍵🔑', '\ufeffmarked', 'x'.repeat(100_000), '\u0000'];
    for (const text of texts) {
      it(`${JSON.stringify(text.slice(0, 12))} arrives as it was written`, async () => {
        const string = await createProcessor({ name: 'string', options: {} });
        const json = await createProcessor({ name: 'json', options: {} });
        expect(string.deserialize(bytes(text))).to.equal(text);
        expect(json.deserialize(bytes(JSON.stringify({ text })))).to.deep.equal({ text });
      });
    }

    it('reads JSON with the spaces that Python writes', async () => {
      const json = await createProcessor({ name: 'json', options: {} });
      expect(json.deserialize(bytes('{"a": 1, "b": [null, 2]}\n'))).to.deep.equal({ a: 1, b: [null, 2] });
    });

    it('reads a view in the middle of a slab', async () => {
      const slab = bytes('xx"é"yy');
      const json = await createProcessor({ name: 'json', options: {} });
      expect(json.deserialize(slab.subarray(2, 6))).to.equal('é');
    });

    const invalid: [string, number[]][] = [
      ['a lone continuation byte', [0x22, 0x80, 0x22]],
      ['a cut character', [0x22, 0xc3, 0x22]],
      ['Latin-1', [0x22, 0xe9, 0x22]],
      ['an overlong form', [0x22, 0xc0, 0xaf, 0x22]],
      ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ];
    for (const [title, numbers] of invalid) {
      it(`refuses ${title} instead of putting U+FFFD`, async () => {
        for (const name of ['json', 'string', 'kpl-json'] as const) {
          const processor = await createProcessor({ name, options: {} });
          expect(undecodable(() => processor.deserialize(new Uint8Array(numbers))).cause).to.be.instanceOf(
            Error,
          );
        }
      });
    }

    it('refuses what is not JSON, with the cause', async () => {
      const json = await createProcessor({ name: 'json', options: {} });
      const error = undecodable(() => json.deserialize(bytes('{"a":')));
      expect(error.cause).to.be.instanceOf(SyntaxError);
      expect(error.message).to.include("'json'");
    });
  });

  describe('options', () => {
    const wrong: [ProcessorSpec, RegExp][] = [
      [{ name: 'xml' as 'json', options: {} }, /one of json, json-lines, .*got `'xml'`/],
      [{ name: 'toString' as 'json', options: {} }, /got `'toString'`/],
      [{ name: 'auto', options: { serializer: 'xml' } }, /`processor.serializer`.*got `'xml'`/],
      [{ name: 'auto', options: { serialiser: 'json' } }, /'auto' has no option `serialiser`/],
      [{ name: 'json', options: { strict: true } }, /'json' has no option `strict`/],
    ];
    for (const [spec, message] of wrong) {
      it(`refuses ${JSON.stringify(spec)}`, async () => {
        const error = await failure(spec);
        expect(error.code).to.equal('ERR_INVALID_OPTION');
        expect(error.message).to.match(message);
      });
    }
  });

  describe('a module', () => {
    const load = (source: string, options: Record<string, unknown> = {}) =>
      createProcessor({ module: `data:text/javascript,${encodeURIComponent(source)}`, options });
    const decode = "deserialize: (data) => '<' + Buffer.from(data).toString() + '>'";

    const shapes: [string, string][] = [
      ['an object', `export default { ${decode} }`],
      ['a function of the options', `export default (options) => ({ name: options.name, ${decode} })`],
      ['an async function', `export default async (options) => ({ name: options.name, ${decode} })`],
      ['createProcessor', `export const createProcessor = (options) => ({ name: options.name, ${decode} })`],
      [
        'a class',
        `export default class { constructor(options) { this.name = options.name; }
          deserialize(data) { return '<' + Buffer.from(data).toString() + '>'; } }`,
      ],
    ];
    for (const [title, source] of shapes) {
      it(`may export ${title}`, async () => {
        const processor = await load(source, { name: 'mine' });
        expect(processor.deserialize(bytes('x'))).to.equal('<x>');
        if (title === 'an object') expect(processor.name).to.match(/^data:/);
        else expect(processor.name).to.equal('mine');
        expect(split(processor, AGGREGATE)).to.have.length(1);
      });
    }

    it('has what it throws on decoding turned into ERR_UNDECODABLE', async () => {
      const processor = await load(
        `export default { name: 'mine', deserialize() { throw new RangeError('odd'); } }`,
      );
      const error = undecodable(() => processor.deserialize(bytes('x')));
      expect(error.cause).to.be.instanceOf(RangeError);
      expect(error.message).to.include("'mine'").and.include('odd');
    });

    it('may split records, which are then numbered for it', async () => {
      const processor = await load(`export default { deserialize: (data) => data, split(data, key, sink) {
        for (const byte of [0, 1, 2]) sink.add(data.subarray(byte, byte + 1), key + byte, null, 99, true); } }`);
      expect(split(processor, bytes('abc'))).to.deep.equal([
        ['a', 'outer0', null, 0, true],
        ['b', 'outer1', null, 1, true],
        ['c', 'outer2', null, 2, true],
      ]);
    });

    for (const [title, body] of [
      ['throws halfway', "sink.add(data, key, null, 0, true); throw new Error('bad');"],
      ['adds what is no bytes', "sink.add('text', key, null, 0, true);"],
    ]) {
      it(`whose split ${title} gets the record whole, and once`, async () => {
        const processor = await load(
          `export default { deserialize: (d) => d, split(data, key, sink) { ${body} } }`,
        );
        expect(split(processor, bytes('abc'))).to.deep.equal([['abc', 'outer', null, 0, false]]);
      });
    }

    const wrong: [string, string, RegExp][] = [
      ['exports nothing', 'export const x = 1', /no function `deserialize`/],
      ['exports null', 'export default null', /no function `deserialize`/],
      ['has no deserialize', 'export default { serialize() {} }', /no function `deserialize`/],
      ['has a split of the wrong type', 'export default { deserialize() {}, split: 1 }', /`split`/],
      ['does not parse', 'export default {', /cannot be imported/],
      ['throws on import', "throw new Error('no license')", /cannot be imported: no license/],
      [
        'fails to make it',
        "export default () => { throw new Error('no schema'); }",
        /failed to make.*no schema/,
      ],
    ];
    for (const [title, source, message] of wrong) {
      it(`that ${title} is refused as ERR_INVALID_PROCESSOR`, async () => {
        const error = await failure({
          module: `data:text/javascript,${encodeURIComponent(source)}`,
          options: {},
        });
        expect(error.code).to.equal('ERR_INVALID_PROCESSOR');
        expect(error.message).to.match(message);
      });
    }

    it('that is not there is refused as ERR_INVALID_PROCESSOR, with the cause', async () => {
      const error = await failure({ module: 'file:///nonexistent/processor.js', options: {} });
      expect(error.code).to.equal('ERR_INVALID_PROCESSOR');
      expect(error.cause).to.be.instanceOf(Error);
    });
  });
});
