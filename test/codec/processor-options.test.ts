import { expect } from 'chai';
import { builtInOptions } from '../../src/codec/processor-options.ts';
import { PROCESSORS, type ProcessorName } from '../../src/model/specs.ts';
import { type ConsumerOptions, resolveConsumerOptions } from '../../src/options.ts';

describe('codec/processor-options', () => {
  it('every processor has compression and limits, each with a default', () => {
    for (const name of PROCESSORS) {
      expect(builtInOptions(name, {})).to.include({
        compression: null,
        maxInflatedBytes: 32 * 2 ** 20,
        maxRecordsPerAggregate: 2 ** 19,
      });
      expect(builtInOptions(name, { compression: 'gzip', maxInflatedBytes: 5 })).to.include({
        compression: 'gzip',
        maxInflatedBytes: 5,
      });
    }
  });

  it('names are an aggregator and a serializer', () => {
    const of = (name: ProcessorName, options = {}) => {
      const { aggregator, serializer } = builtInOptions(name, options);
      return `${aggregator} ${serializer}`;
    };
    expect(Object.fromEntries(PROCESSORS.map((name) => [name, of(name)]))).to.deep.equal({
      json: 'plain json',
      'json-lines': 'lines json',
      'json-list': 'plain json',
      string: 'plain string',
      bytes: 'plain bytes',
      msgpack: 'netstring msgpack',
      'kpl-json': 'kpl json',
      'kpl-string': 'kpl string',
      'kpl-msgpack': 'kpl msgpack',
      auto: 'kpl bytes',
    });
    expect(of('json-list', { elements: true })).to.equal('list json');
    expect(of('json-list', { elements: false })).to.equal('plain json');
    expect(of('auto', { serializer: 'msgpack' })).to.equal('kpl msgpack');
  });

  const wrong: readonly (readonly [ProcessorName, Record<string, unknown>, RegExp])[] = [
    [
      'json',
      { elements: true },
      /'json' has no option `elements`; its options are compression, maxInflatedBytes$/,
    ],
    ['json', { maxRecordsPerAggregate: 5 }, /'json' has no option `maxRecordsPerAggregate`/],
    ['json', { compression: 'lzw' }, /`processor.compression` to be 'gzip' or .*got `'lzw'`/],
    ['json', { compression: true }, /`processor.compression`.*got `true`/],
    [
      'json',
      { maxInflatedBytes: 0 },
      /`processor.maxInflatedBytes` to be an integer from 1 to 1073741824, got `0`/,
    ],
    ['json-list', { elements: 1 }, /`processor.elements` to be true or false, got `1`/],
    ['json-lines', { maxRecordsPerAggregate: 1.5 }, /`processor.maxRecordsPerAggregate`.*got `1.5`/],
    ['auto', { serializer: 'kpl' }, /`processor.serializer`.*got `'kpl'`/],
  ];
  for (const [name, options, message] of wrong) {
    it(`a consumer refuses ${name} with ${JSON.stringify(options)} at once`, () => {
      const consumer = { stream: 's', processor: { name, ...options } } as ConsumerOptions;
      expect(() => resolveConsumerOptions(consumer))
        .to.throw(message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
