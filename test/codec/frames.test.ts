import { expect } from 'chai';
import { splitLines } from '../../src/codec/lines.ts';
import { splitList } from '../../src/codec/list.ts';
import { splitNetstrings } from '../../src/codec/netstring.ts';
import type { Frames } from '../../src/codec/processor.ts';
import { framesOf, texts } from './splits.ts';

type Case = readonly [title: string, input: string, expected: readonly string[]];

const CASES: Readonly<Record<string, { readonly frames: Frames; readonly cases: readonly Case[] }>> = {
  lines: {
    frames: splitLines,
    cases: [
      ['the golden bytes of async-kinesis', '123\ntest\n', ['123', 'test']],
      ['a last line without its end', 'a\nb', ['a', 'b']],
      ['the line ends of Windows', 'a\r\nb\r\n', ['a', 'b']],
      ['empty lines', '\n\na\n\r\n\nb\n\n', ['a', 'b']],
      ['a return inside of a line', 'a\rb\n', ['a\rb']],
      ['blanks, which are data', ' a \n \n', [' a ', ' ']],
      ['nothing', '', []],
      ['nothing but line ends', '\n\r\n', []],
    ],
  },
  netstrings: {
    frames: splitNetstrings,
    cases: [
      ['the golden bytes of async-kinesis', '3:123,4:test,', ['123', 'test']],
      ['an empty one', '0:,1:a,', ['', 'a']],
      ['commas, colons and digits inside', '5:1:a,2,1:b,', ['1:a,2', 'b']],
      ['a length of two digits', '12:abcdefghijkl,', ['abcdefghijkl']],
      ['nothing', '', []],
      ['one that is cut', '1:a,5:bc', ['a', '5:bc!broken-frame']],
      ['one that is cut at its comma', '1:a,2:bc', ['a', '2:bc!broken-frame']],
      ['one with another end', '1:a,2:bc;1:d,', ['a', '2:bc;1:d,!broken-frame']],
      ['a length that is none', '1:a,x:bc,', ['a', 'x:bc,!broken-frame']],
      ['a negative length', '1:a,-1:b,', ['a', '-1:b,!broken-frame']],
      ['no length', '1:a,:,', ['a', ':,!broken-frame']],
      ['a length that no record has', '1:a,99999999999:b,', ['a', '99999999999:b,!broken-frame']],
      ['a length beyond 64 bits', `1:a,${'9'.repeat(40)}:b,`, ['a', `${'9'.repeat(40)}:b,!broken-frame`]],
      ['digits up to the end', '1:a,12345', ['a', '12345!broken-frame']],
      ['no netstring at all', '{"a":1}', ['{"a":1}!broken-frame']],
    ],
  },
  lists: {
    frames: splitList,
    cases: [
      ['the golden bytes of async-kinesis', '[123, "test"]', ['123', '"test"']],
      ['an empty list', ' [ ] ', []],
      ['lists and objects inside', '[[1,[2]],{"a":[3,{"b":4}]},5]', ['[1,[2]]', '{"a":[3,{"b":4}]}', '5']],
      ['texts with brackets, commas and quotes', '["],[","a\\"],","\\\\"]', ['"],["', '"a\\"],"', '"\\\\"']],
      ['blanks around all of it', '\n[ 1 ,\t2 ]\r\n', ['1', '2']],
      ['an element of nothing, as one that will not decode', '[1,,2,]', ['1', '', '2', '']],
      ['no list', '{"a":[1]}', ['{"a":[1]}']],
      ['nothing', '', ['']],
      ['one that is cut behind an element', '[1,2', ['1', '2!broken-frame']],
      ['one that is cut inside', '[1,{"a":[2', ['1', '{"a":[2!broken-frame']],
      ['one that is cut in a text', '[1,"a\\', ['1', '"a\\!broken-frame']],
      ['one that is cut at once', '[', ['!broken-frame']],
      ['one with another end', '[1,2}', ['1', '2}!broken-frame']],
      ['one with something behind', '[1] [2]', ['1', ' [2]!broken-frame']],
    ],
  },
};

for (const [name, { frames, cases }] of Object.entries(CASES)) {
  describe(`codec: ${name}`, () => {
    for (const [title, input, expected] of cases) {
      it(`read ${title}`, () => {
        const found = framesOf(frames, Buffer.from(input, 'latin1'));
        expect(texts(found)).to.deep.equal(expected);
        expect(found.map(({ sub }) => sub)).to.deep.equal(expected.map((_, index) => index));
        expect(found.every(({ key, hashKey }) => key === 'outer' && hashKey === null)).to.equal(true);
      });
    }

    it('are views into what they were read from, wherever that lies in its memory', () => {
      const [, input, expected] = cases[0]!;
      const slab = Buffer.from(`#####${input}#####`, 'latin1');
      const found = framesOf(frames, slab.subarray(5, 5 + input.length));
      expect(texts(found)).to.deep.equal(expected);
      for (const { data, aggregated } of found) {
        expect(data.buffer).to.equal(slab.buffer);
        expect(aggregated).to.equal(true);
      }
    });
  });
}

describe('codec: more records than allowed', () => {
  const limited: readonly (readonly [string, Frames, string, readonly string[]])[] = [
    ['lines', splitLines, 'a\nb\n\nc\nd\n', ['a', 'b', 'c\nd\n!too-many-records']],
    ['netstrings', splitNetstrings, '1:a,1:b,1:c,1:d,', ['a', 'b', '1:c,1:d,!too-many-records']],
    ['lists', splitList, '[1,2, 3,4]', ['1', '2', ' 3,4]!too-many-records']],
  ];
  for (const [title, frames, input, expected] of limited) {
    it(`of ${title} are one undecodable record, with all their bytes`, () => {
      expect(texts(framesOf(frames, Buffer.from(input), 2))).to.deep.equal(expected);
    });
  }

  it('is a limit that itself is allowed', () => {
    expect(texts(framesOf(splitLines, Buffer.from('a\nb\n\n'), 2))).to.deep.equal(['a', 'b']);
    expect(texts(framesOf(splitNetstrings, Buffer.from('1:a,1:b,'), 2))).to.deep.equal(['a', 'b']);
    expect(texts(framesOf(splitList, Buffer.from('[1,2]'), 2))).to.deep.equal(['1', '2']);
  });
});
