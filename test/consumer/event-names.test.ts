// Names of events that are nearly one of the consumer's: the log has a word for each; other names are nobody's business.

import { expect } from 'chai';
import { Consumer } from '../../src/consumer.ts';
import { CONSUMER_EVENTS } from '../../src/consumer/events.ts';

function linesOf(name: string): string[] {
  const lines: string[] = [];
  const note = (_fields: object, line: string) => lines.push(line);
  const logger = { debug: note, info: note, warn: note, error: note };
  const consumer = new Consumer({ stream: 'orders', logger });
  consumer.on(name as 'ready', () => undefined);
  return lines;
}

describe('names of events', () => {
  for (const [name, meant] of [
    ['shard:started', 'shard:start'],
    ['shardStart', 'shard:start'],
    ['shard:ended', 'shard:end'],
    ['Ready', 'ready'],
    ['errors', 'error'],
    ['handler:error', 'error'],
    ['batch:size', null],
    ['records:maybelost', 'records:maybe-lost'],
    ['thread:die', 'thread:died'],
    ['order', null],
    ['end', null],
    ['close', null],
    ...CONSUMER_EVENTS.map((each) => [each, null] as const),
  ] as const) {
    it(`${name} is ${meant === null ? 'left alone' : `taken for ${meant}`}`, () => {
      const expected = meant === null ? [] : [`There is no event \`${name}\`; did you mean \`${meant}\`?`];
      expect(linesOf(name)).to.deep.equal(expected);
    });
  }
});
