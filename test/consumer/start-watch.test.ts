// A start that takes long says so, each time after twice as long, until nobody waits any more.

import { expect } from 'chai';
import { watchStart } from '../../src/consumer/start-watch.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

describe('consumer/start-watch', () => {
  const watching = () => {
    const time = createVirtualTime();
    const over = new AbortController();
    const lines: { fields: object; line: string }[] = [];
    let step = 'the import';
    const done = watchStart({
      timers: time.timers,
      logger: { warn: (fields, line) => lines.push({ fields, line }) },
      waitsFor: () => step,
      signal: over.signal,
    });
    return {
      time,
      over,
      lines,
      done,
      goOn: (next: string) => {
        step = next;
      },
    };
  };

  it('warns after 5 s, 10 s, 20 s, ... and says what it waits for then', async () => {
    const { time, over, lines, done, goOn } = watching();
    await time.advance(4_999);
    expect(lines).to.deep.equal([]);
    await time.advance(1);
    goOn('the `setup`');
    await time.advance(35_000);
    expect(lines.map(({ line }) => line)).to.deep.equal([
      'The consumer has not started for 5 s: it waits for the import',
      'The consumer has not started for 10 s: it waits for the `setup`',
      'The consumer has not started for 20 s: it waits for the `setup`',
      'The consumer has not started for 40 s: it waits for the `setup`',
    ]);
    expect(lines[0]!.fields).to.deep.equal({ waitedMs: 5_000, waitsFor: 'the import' });
    over.abort();
    await done;
  });

  it('leaves no timer behind, which would keep the process', async () => {
    const { time, over, lines, done } = watching();
    await time.advance(1_000);
    over.abort();
    await done;
    expect(time.pending()).to.equal(0);
    expect(lines).to.deep.equal([]);
  });
});
