import { expect } from 'chai';
import { parseOptions, UsageError } from '../../bench/options.ts';
import { SCENARIOS } from '../../bench/scenarios/index.ts';

const parse = (...argv: string[]) => parseOptions(argv, SCENARIOS);

describe('the options of the benchmarks', () => {
  it('have defaults', () => {
    expect(parse()).to.deep.equal({
      scenario: 'canned-pages',
      variants: [],
      sides: [],
      records: null,
      warmUp: null,
      shards: null,
      iterations: 5,
      out: 'bench/results',
      dryRun: false,
    });
  });

  it('are taken as given', () => {
    const options = parse('--variant', 'json-300', '--side=sdk-loop', '--side=api-loop', '--records', '5000');
    expect(options).to.include({ records: 5_000 });
    expect(options?.variants).to.deep.equal(['json-300']);
    expect(options?.sides).to.deep.equal(['sdk-loop', 'api-loop']);
  });

  it('give way to --help', () => expect(parse('--help')).to.equal(null));

  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['--scenario', 'x'], /Expected `--scenario` to be one of canned-pages, got `x`/],
    [['--variant', 'x'], /Expected `--variant` to be one of json-300, /],
    [['--side', 'x'], /Expected `--side` to be one of shardpool, /],
    [['--records', '0'], /Expected `--records` to be an integer from 1 to \d+, got `0`/],
    [['--records', '1e3'], /got `1e3`/],
    [['--iterations', '-1'], /--iterations/],
    [['--shards', '10001'], /from 1 to 10000, got `10001`/],
    [['--out', ''], /--out/],
    [['--fast'], /--fast/],
    [['canned-pages'], /canned-pages/],
  ];
  for (const [argv, message] of refused) {
    it(`refuse ${JSON.stringify(argv)}`, () => {
      expect(() => parse(...argv)).to.throw(UsageError, message);
    });
  }
});
