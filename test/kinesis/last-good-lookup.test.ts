// The lookup of the agents, with a resolver that answers, fails or hangs as told.

import type { LookupAddress } from 'node:dns';
import { expect } from 'chai';
import { lastGoodLookup, type Resolver } from '../../src/kinesis/last-good-lookup.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

type Answer = { readonly code: string } | readonly string[];

function setUp() {
  const time = createVirtualTime();
  const asked: { readonly hostname: string; readonly answer: (answer: Answer) => void }[] = [];
  const resolver: Resolver = (hostname, _options, done) => {
    asked.push({
      hostname,
      answer: (given) => {
        if ('code' in given) done(Object.assign(new Error(given.code), given), []);
        else
          done(
            null,
            given.map((address): LookupAddress => ({ address, family: 4 })),
          );
      },
    });
  };
  const lookup = lastGoodLookup(time.timers, resolver);
  const ask = (hostname = 'kinesis') =>
    new Promise<string>((resolve) => {
      lookup(hostname, { all: true }, (error, addresses) => {
        resolve(error?.code ?? (addresses as LookupAddress[]).map(({ address }) => address).join());
      });
    });
  return { time, asked, lookup, ask };
}

describe('kinesis/last-good-lookup', () => {
  it('gives what the resolver gives, and asks again each time', async () => {
    const { asked, ask } = setUp();
    for (const address of ['1.1.1.1', '2.2.2.2']) {
      const got = ask();
      asked.at(-1)!.answer([address]);
      expect(await got).to.equal(address);
    }
    expect(asked).to.have.length(2);
  });

  it('asks once for all that connect at the same time', async () => {
    const { asked, ask } = setUp();
    const got = Promise.all([ask(), ask(), ask()]);
    asked[0]!.answer(['1.1.1.1', '1.1.1.2']);
    expect(await got).to.deep.equal(Array.from({ length: 3 }, () => '1.1.1.1,1.1.1.2'));
    expect(asked).to.have.length(1);
  });

  it('serves the last good address where the resolver fails, and takes a new one afterwards', async () => {
    const { asked, ask } = setUp();
    const answers: readonly [Answer, string][] = [
      [{ code: 'EAI_AGAIN' }, 'EAI_AGAIN'],
      [['1.1.1.1'], '1.1.1.1'],
      [{ code: 'ENOTFOUND' }, '1.1.1.1'],
      [[], '1.1.1.1'],
      [['2.2.2.2'], '2.2.2.2'],
    ];
    for (const [answer, expected] of answers) {
      const got = ask();
      asked.at(-1)!.answer(answer);
      expect(await got).to.equal(expected);
    }
  });

  it('serves it within a second where the resolver hangs, at once from then on, and puts no more questions into its queue', async () => {
    const { time, asked, ask } = setUp();
    const first = ask();
    asked[0]!.answer(['1.1.1.1']);
    await first;
    const startedAt = time.clock.monotonic();
    expect(await time.settled(Promise.all([ask(), ask()]))).to.deep.equal(['1.1.1.1', '1.1.1.1']);
    expect(time.clock.monotonic() - startedAt).to.equal(1_000);
    for (let i = 0; i < 100; i += 1) expect(await ask()).to.equal('1.1.1.1');
    expect(asked).to.have.length(2);
    asked[1]!.answer(['3.3.3.3']);
    const after = ask();
    asked[2]!.answer({ code: 'EAI_AGAIN' });
    expect(await after).to.equal('3.3.3.3');
    expect(time.pending()).to.equal(0);
  });

  it('has no address for a host that was never found, and none of another host', async () => {
    const { asked, ask } = setUp();
    const known = ask('known');
    asked[0]!.answer(['1.1.1.1']);
    await known;
    const unknown = ask('unknown');
    asked[1]!.answer([]);
    expect(await unknown).to.equal('ENOTFOUND');
  });

  it('gives one address to whoever asks for one', () => {
    const { asked, lookup } = setUp();
    const got: unknown[] = [];
    lookup('kinesis', {}, (...answer) => got.push(...answer));
    asked[0]!.answer(['1.1.1.1', '1.1.1.2']);
    expect(got).to.deep.equal([null, '1.1.1.1', 4]);
  });
});
