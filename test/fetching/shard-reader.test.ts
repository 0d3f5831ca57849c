// The shard reader: what it passes on, where it goes on after errors, and how it ends.

import { expect } from 'chai';
import type { KinesisError } from '../../src/kinesis/errors.ts';
import { latestPosition, sequencePosition, TRIM_HORIZON } from '../../src/model/position.ts';
import { at } from '../fakes/batches.ts';
import { ReaderHarness, type ReaderOptions } from './reader-harness.ts';

const SECOND = 1_000;

async function running(options?: ReaderOptions, prepare?: (harness: ReaderHarness) => void) {
  const harness = new ReaderHarness(options);
  prepare?.(harness);
  const ended = harness.reader.run();
  await harness.time.advance(0);
  return Object.assign(harness, { ended });
}

describe('shard reader', () => {
  it('passes on every record in order, page after page', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages({ records: [1, 2], lagMs: 5_000 }, { records: [], lagMs: 4_000 }, { records: [3], lagMs: 0 }),
    );
    await harness.time.advance(SECOND);
    expect(harness.records).to.deep.equal(['1', '2', '3']);
    expect(harness.api.iterators).to.have.length(1);
    expect(harness.api.iterators[0]!.position).to.equal(TRIM_HORIZON);
    expect(harness.isBudgetWhole).to.equal(true);
    expect(harness.reader.status).to.include({ state: 'polling', lagMs: 0, throttled: 0 });
    expect(harness.path).to.deep.equal(['starting', 'polling']);
  });

  it('ends with the last page: children first, then the end marker, and reads no more', async () => {
    const children = [{ shardId: 'c', parents: ['s'], startingHashKey: '0', endingHashKey: '1' }];
    const harness = await running({}, ({ api }) =>
      api.pages({ records: [1] }, { records: [2], last: true, children }),
    );
    await harness.time.settled(harness.ended);
    expect(harness.records).to.deep.equal(['1', '2']);
    expect(harness.ends).to.deep.equal([children]);
    expect(harness.finishes).to.deep.equal(['shard-end']);
    expect(harness.closes).to.deep.equal([]);
    expect(harness.reader.status.state).to.equal('ended');
    expect(harness.api.reads).to.have.length(2);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('says when each state began', async () => {
    const harness = await running({}, ({ api }) => api.pages({ fails: 'transient' }));
    await harness.time.advance(SECOND);
    const changes = harness.states.filter(({ state }, i, all) => state !== all[i - 1]?.state);
    expect(changes.map(({ state, since }) => [state, since - 1_700_000_000_000])).to.deep.equal([
      ['starting', 0],
      ['polling', 0],
      ['backing-off', 0],
      ['polling', 200],
    ]);
  });

  it('waits for the handler while its window is shut, and fetches nothing', async () => {
    const harness = await running();
    harness.shutWindow();
    await harness.time.advance(10 * SECOND);
    const reads = harness.api.reads.length;
    expect(harness.reader.status.state).to.equal('waiting-for-handler');
    await harness.time.advance(10 * SECOND);
    expect(harness.api.reads).to.have.length(reads);
    harness.openWindow();
    await harness.time.advance(SECOND);
    expect(harness.api.reads.length).to.be.above(reads);
    expect(harness.reader.status.state).to.equal('polling');
  });

  it('waits for the budget before it fetches', async () => {
    const harness = await running();
    const giveBack = harness.useUpBudget();
    await harness.time.advance(10 * SECOND);
    const reads = harness.api.reads.length;
    expect(harness.reader.status.state).to.equal('waiting-for-budget');
    await harness.time.advance(5 * SECOND);
    expect(harness.api.reads).to.have.length(reads);
    giveBack();
    await harness.time.advance(SECOND);
    expect(harness.reader.status.state).to.equal('polling');
    expect(harness.api.reads.length).to.be.above(reads);
    expect(harness.isBudgetWhole).to.equal(true);
  });
});

describe('shard reader, resuming', () => {
  it('drops everything up to and including the position', async () => {
    const harness = await running({ from: at(12) }, ({ api }) =>
      api.pages({ records: [10, 11, 12, 13] }, { records: [14] }),
    );
    await harness.time.advance(SECOND);
    expect(harness.records).to.deep.equal(['13', '14']);
    expect(harness.api.iterators[0]!.position).to.equal(at(12));
  });

  it('compares sequence numbers as numbers, not as text', async () => {
    const harness = await running({ from: at(9) }, ({ api }) => api.pages({ records: [9, 10, 100] }));
    await harness.time.advance(SECOND);
    expect(harness.records).to.deep.equal(['10', '100']);
  });

  it('goes on inside an aggregate', async () => {
    const harness = await running(
      {
        from: sequencePosition('20', 2),
        split: (data, key, sink) => {
          for (let sub = 0; sub < 5; sub += 1) sink.add(data, key, null, sub, true);
        },
      },
      ({ api }) => api.pages({ records: [19, 20, 21] }),
    );
    await harness.time.advance(SECOND);
    expect(harness.records).to.deep.equal(['20.3', '20.4', '21', '21.1', '21.2', '21.3', '21.4']);
  });

  it('passes over an aggregate that was finished', async () => {
    const harness = await running(
      {
        from: sequencePosition('20', 4),
        split: (data, key, sink) => {
          for (let sub = 0; sub < 5; sub += 1) sink.add(data, key, null, sub, true);
        },
      },
      ({ api }) => api.pages({ records: [20] }, { records: [21] }),
    );
    await harness.time.advance(SECOND);
    expect(harness.records[0]).to.equal('21');
  });

  it('makes an expired iterator again from the last record, and passes nothing on twice', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages({ records: [1, 2] }, { fails: 'expired-iterator' }, { records: [2, 3] }),
    );
    await harness.time.advance(2 * SECOND);
    expect(harness.api.iterators.map(({ position }) => position)).to.deep.equal([TRIM_HORIZON, at(2)]);
    expect(harness.records).to.deep.equal(['1', '2', '3']);
    expect(harness.retries).to.deep.equal([]);
  });

  it('makes an expired iterator again from the start as long as no record was read', async () => {
    const start = latestPosition(1_700_000_000_000);
    const harness = await running({ from: start }, ({ api }) => api.pages({}, { fails: 'expired-iterator' }));
    await harness.time.advance(5 * SECOND);
    expect(harness.api.iterators.map(({ position }) => position)).to.deep.equal([start, start]);
  });

  it('an iterator made again inside an aggregate passes nothing on twice', async () => {
    const harness = await running(
      {
        split: (data, key, sink) => {
          for (let sub = 0; sub < 3; sub += 1) sink.add(data, key, null, sub, true);
        },
      },
      ({ api }) => api.pages({ records: [1] }, { fails: 'expired-iterator' }, { records: [1, 2] }),
    );
    await harness.time.advance(2 * SECOND);
    expect(harness.records).to.deep.equal(['1', '1.1', '1.2', '2', '2.1', '2.2']);
  });
});

describe('shard reader, errors', () => {
  for (const kind of [
    'transient',
    'not-active',
    'credentials-expired',
    'shard-missing',
    'stream-missing',
  ] as const) {
    it(`${kind}: tried again with growing pauses, reported each time, nothing lost`, async () => {
      const harness = await running({}, ({ api }) =>
        api.pages({ records: [1] }, { fails: kind }, { fails: kind }, { fails: kind }, { records: [2] }),
      );
      await harness.time.advance(3 * SECOND);
      expect(harness.records).to.deep.equal(['1', '2']);
      expect(harness.retries.map(({ attempt, delayMs }) => [attempt, delayMs])).to.deep.equal([
        [1, 200],
        [2, 400],
        [3, 800],
      ]);
      expect(harness.failures).to.deep.equal([]);
      expect(harness.isBudgetWhole).to.equal(true);
    });
  }

  it('what keeps failing may be the iterator: it is made again after three failures in a row', async () => {
    const harness = await running({}, ({ api }) => api.pages({ records: [1] }));
    harness.api.always({ fails: 'transient' });
    await harness.time.advance(SECOND);
    expect(harness.api.iterators).to.have.length(1);
    await harness.time.advance(2 * SECOND);
    expect(harness.api.iterators.map(({ position }) => position)).to.deep.equal([TRIM_HORIZON, at(1)]);
  });

  it('a success resets the pauses', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages({ fails: 'transient' }, { fails: 'transient' }, {}, { fails: 'transient' }),
    );
    await harness.time.advance(5 * SECOND);
    expect(harness.retries.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 1]);
  });

  it('throttled: backs off and counts it, but says so only when it goes on', async () => {
    const harness = await running({}, ({ api }) =>
      api.pages(...Array.from({ length: 5 }, () => ({ fails: 'throttled' as const })), { records: [1] }),
    );
    await harness.time.advance(20 * SECOND);
    expect(harness.records).to.deep.equal(['1']);
    expect(harness.reader.status.throttled).to.equal(5);
    expect(harness.retries.map(({ attempt }) => attempt)).to.deep.equal([4, 5]);
    const gaps = harness.api.reads.slice(1, 6).map((read, i) => read - harness.api.reads[i]!);
    expect(gaps).to.deep.equal([200, 400, 800, 1_600, 3_200]);
  });

  for (const kind of ['access-denied', 'credentials', 'invalid-argument', 'fatal', 'aborted'] as const) {
    it(`${kind}: reported once, and the reader stops`, async () => {
      const harness = await running({}, ({ api }) => api.pages({ records: [1] }, { fails: kind }));
      await harness.time.settled(harness.ended);
      expect(harness.failures).to.have.length(1);
      expect((harness.failures[0] as KinesisError).kind).to.equal(kind);
      expect(harness.reader.status.state).to.equal('stopped');
      expect(harness.closes).to.deep.equal(['requested']);
      expect(harness.finishes).to.deep.equal([]);
      expect(harness.api.reads).to.have.length(2);
      expect(harness.isBudgetWhole).to.equal(true);
    });
  }

  it('an error that nobody thought of is reported and gives back the reservation', async () => {
    const harness = await running({}, ({ api }) => api.pages({ fails: new TypeError('a bug') }));
    await harness.time.settled(harness.ended);
    expect(String(harness.failures[0])).to.contain('a bug');
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('a failing iterator call is retried like a read', async () => {
    const harness = await running({}, ({ api }) => {
      api.failIterators('throttled', 'transient');
      api.pages({ records: [1] });
    });
    await harness.time.advance(2 * SECOND);
    expect(harness.records).to.deep.equal(['1']);
    expect(harness.path.slice(0, 4)).to.deep.equal(['starting', 'backing-off', 'polling', 'backing-off']);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  for (const kind of ['throttled', 'transient', 'expired-iterator', 'not-active', 'shard-missing'] as const) {
    it(`no tight loop when every read ends with ${kind}`, async () => {
      const harness = await running({}, ({ api }) => api.always({ fails: kind }));
      await harness.time.advance(60 * SECOND);
      expect(harness.api.reads.length).to.be.within(5, 5 * 60 + 1);
      expect(harness.api.iterators.length).to.be.at.most(5 * 60 + 1);
      expect(harness.busiestSecond).to.be.at.most(5);
      harness.reader.stop('requested');
      await harness.time.settled(harness.ended);
      expect(harness.isBudgetWhole).to.equal(true);
    });
  }
});

describe('shard reader, stop', () => {
  it('aborts the call that is under way and gives back the reservation', async () => {
    const harness = await running({}, ({ api }) => api.pages({ hangs: true }));
    expect(harness.isBudgetWhole).to.equal(false);
    harness.reader.stop('lease-lost');
    await harness.time.settled(harness.ended, 1);
    expect(harness.api.aborted).to.equal(1);
    expect(harness.isBudgetWhole).to.equal(true);
    expect(harness.closes).to.deep.equal(['lease-lost']);
    expect(harness.failures).to.deep.equal([]);
    expect(harness.time.pending()).to.equal(0);
  });

  it('a page that comes all the same is not passed on', async () => {
    const harness = await running({}, ({ api }) => {
      api.latencyMs = 100;
      api.pages({ records: [1] });
    });
    await harness.time.advance(150);
    harness.reader.stop('requested');
    await harness.time.settled(harness.ended, 1_000);
    expect(harness.records).to.deep.equal([]);
    expect(harness.isBudgetWhole).to.equal(true);
  });

  const waits: Record<string, (harness: ReaderHarness) => void> = {
    'between two polls': () => undefined,
    'while it backs off': ({ api }) => api.always({ fails: 'transient' }),
    'while it waits for the handler': (harness) =>
      void harness.time.timers.setTimeout(() => harness.shutWindow(), 10),
    'while it waits for the budget': (harness) => void harness.useUpBudget(),
  };
  for (const [when, prepare] of Object.entries(waits)) {
    it(`ends at once ${when}, and is idempotent`, async () => {
      const harness = await running({}, prepare);
      await harness.time.advance(3_050);
      harness.reader.stop('requested');
      harness.reader.stop('lease-lost');
      await harness.time.settled(harness.ended, 1);
      expect(harness.closes).to.deep.equal(['requested']);
      expect(harness.reader.status.state).to.equal('stopped');
      expect(harness.failures).to.deep.equal([]);
      const reads = harness.api.reads.length;
      await harness.time.advance(10_000);
      expect(harness.api.reads).to.have.length(reads);
    });
  }

  it('after the end of the shard it closes the sink without another word', async () => {
    const harness = await running({}, ({ api }) => api.pages({ last: true }));
    await harness.time.settled(harness.ended);
    harness.reader.stop('shard-end');
    expect(harness.reader.status.state).to.equal('stopped');
  });
});

describe('shard reader, what it tells about its work', () => {
  it('brackets every page and says each record before it is taken apart', async () => {
    const harness = await running({}, ({ api }) => api.pages({ records: [1, 2] }, { records: [] }));
    await harness.time.advance(300);
    expect(harness.work).to.deep.equal(['begin', 'after 0', 'after 1', 'end', 'begin', 'end']);
  });

  it('a processor that throws: the bracket is closed, the reservation given back', async () => {
    const split = () => {
      throw new TypeError('a bug');
    };
    const harness = await running({ split }, ({ api }) => api.pages({ records: [1] }));
    await harness.time.settled(harness.ended);
    expect(harness.work).to.deep.equal(['begin', 'after 0', 'end']);
    expect(String(harness.failures[0])).to.contain('a bug');
    expect(harness.isBudgetWhole).to.equal(true);
  });

  it('isolated, it sends after every record', async () => {
    const harness = await running({ isolate: true }, ({ api }) => api.pages({ records: [1, 2] }));
    await harness.time.advance(100);
    expect(harness.records).to.deep.equal(['1', 'flush', '2', 'flush']);
  });
});
