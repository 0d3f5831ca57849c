// Before the start: the stream is there and ACTIVE, is created, or the error is clear.

import { expect } from 'chai';
import { openStream } from '../../src/coordinator/stream-setup.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { CoordinatorConfig } from '../../src/protocol.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

type Answer = 'ACTIVE' | 'DELETING' | 'UPDATING' | 'CREATING' | KinesisError;
const missing = () => new KinesisError('stream-missing', 'no such stream');
const creating = () => new KinesisError('not-active', 'CREATING');

function setUp(
  config: Partial<Pick<CoordinatorConfig, 'describe' | 'createStream' | 'describeTimeoutMs'>>,
  answers: Answer[],
) {
  const time = createVirtualTime();
  const stop = new AbortController();
  const calls: string[] = [];
  const answer = (name: string): string => {
    calls.push(name);
    const next = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (next instanceof Error) throw next;
    return next;
  };
  const created: unknown[] = [];
  const state = { createFails: [] as Error[], listingFails: [] as Error[] };
  let listings = 0;
  const run = () =>
    openStream({
      api: {
        async describeStream() {
          const status = answer('describe') as 'ACTIVE';
          return { name: 's', arn: 'arn', status, openShardCount: 1, retentionHours: 24 };
        },
        async listShards(filter) {
          // The listing that follows when the stream is there.
          if (filter.type === 'ALL') {
            listings += 1;
            const fails = state.listingFails.shift();
            if (fails !== undefined) throw fails;
            return { shards: [], serverTimeMs: 0 };
          }
          const status = answer('list');
          if (status === 'CREATING') throw creating();
          return { shards: [], serverTimeMs: 0 };
        },
        async createStream(shards) {
          calls.push('create');
          created.push(shards);
          const fails = state.createFails.shift();
          if (fails !== undefined) throw fails;
        },
      },
      config: { describe: 'list-shards', createStream: null, describeTimeoutMs: 10_000, ...config },
      stream: 'orders',
      clock: time.clock,
      timers: time.timers,
      signal: stop.signal,
    });
  const outcome = async (): Promise<string> => {
    try {
      await time.settled(run(), 100_000);
      return 'ok';
    } catch (error) {
      return error instanceof ShardpoolError ? error.code : String(error);
    }
  };
  return { time, stop, calls, created, state, run, outcome, listings: () => listings };
}

describe('stream setup', () => {
  for (const describeBy of ['list-shards', 'describe-stream'] as const) {
    it(`${describeBy}: an ACTIVE stream is ready at once`, async () => {
      const { outcome, calls, time } = setUp({ describe: describeBy }, ['ACTIVE']);
      expect(await outcome()).to.equal('ok');
      expect(calls).to.have.length(1);
      expect(time.clock.monotonic()).to.equal(0);
    });

    it(`${describeBy}: waits for a stream that is being created, without a tight loop`, async () => {
      const { outcome, calls, time } = setUp({ describe: describeBy }, ['CREATING', 'CREATING', 'ACTIVE']);
      expect(await outcome()).to.equal('ok');
      expect(calls).to.have.length(3);
      expect(time.clock.monotonic()).to.equal(1_000);
    });

    it(`${describeBy}: a stream that does not become ACTIVE is an error at the deadline`, async () => {
      const { outcome, calls, time } = setUp({ describe: describeBy }, ['CREATING']);
      expect(await outcome()).to.equal('ERR_STREAM_NOT_ACTIVE');
      expect(time.clock.monotonic()).to.be.within(9_000, 10_000);
      expect(calls.length).to.be.at.most(21);
    });

    it(`${describeBy}: AccessDenied is reported at once, and creates nothing`, async () => {
      const denied = new KinesisError('access-denied', 'no');
      const { outcome, calls, time } = setUp({ describe: describeBy, createStream: { shards: 1 } }, [denied]);
      expect(await outcome()).to.equal('ERR_ACCESS_DENIED');
      expect(calls).to.have.length(1);
      expect(time.clock.monotonic()).to.equal(0);
    });
  }

  it('a stream that is being resharded can be read', async () => {
    expect(await setUp({ describe: 'describe-stream' }, ['UPDATING']).outcome()).to.equal('ok');
  });

  it('a missing stream is an error, unless it is to be created', async () => {
    const without = setUp({}, [missing()]);
    expect(await without.outcome()).to.equal('ERR_STREAM_NOT_FOUND');
    expect(without.created).to.deep.equal([]);

    const { outcome, created } = setUp({ createStream: { shards: 3 } }, [missing(), 'CREATING', 'ACTIVE']);
    expect(await outcome()).to.equal('ok');
    expect(created).to.deep.equal([{ count: 3 }]);

    const onDemand = setUp({ createStream: 'on-demand' }, [missing(), 'ACTIVE']);
    expect(await onDemand.outcome()).to.equal('ok');
    expect(onDemand.created).to.deep.equal(['on-demand']);
  });

  it('another process that creates the same stream is as good', async () => {
    const { outcome, state } = setUp({ createStream: { shards: 1 } }, [missing(), 'CREATING', 'ACTIVE']);
    state.createFails = [new KinesisError('not-active', 'ResourceInUse')];
    expect(await outcome()).to.equal('ok');
  });

  it('a creation that is refused is reported', async () => {
    const { outcome, state } = setUp({ createStream: { shards: 1 } }, [missing()]);
    state.createFails = [new KinesisError('access-denied', 'no')];
    expect(await outcome()).to.equal('ERR_ACCESS_DENIED');
  });

  it('a stream that was just created may be unknown for a moment: it is waited for, and created once', async () => {
    const { outcome, created } = setUp({ createStream: { shards: 1 } }, [missing(), missing(), 'ACTIVE']);
    expect(await outcome()).to.equal('ok');
    expect(created).to.have.length(1);
  });

  it('a creation that is throttled is tried again', async () => {
    const { outcome, state, created } = setUp({ createStream: { shards: 1 } }, [
      missing(),
      missing(),
      'CREATING',
      'ACTIVE',
    ]);
    state.createFails = [new KinesisError('throttled', 'five a second')];
    expect(await outcome()).to.equal('ok');
    expect(created).to.have.length(2);
  });

  it('a stream that is being deleted is waited for, then created again where that is wanted', async () => {
    const answers = (): Answer[] => ['DELETING', missing(), 'ACTIVE'];
    const wanted = setUp({ describe: 'describe-stream', createStream: { shards: 1 } }, answers());
    expect(await wanted.outcome()).to.equal('ok');
    expect(wanted.created).to.have.length(1);
    expect(await setUp({ describe: 'describe-stream' }, answers()).outcome()).to.equal(
      'ERR_STREAM_NOT_FOUND',
    );
  });

  it('the first listing waits for a stream that skip did not wait for', async () => {
    const { outcome, state, listings } = setUp({ describe: 'skip' }, ['ACTIVE']);
    state.listingFails = [creating(), creating()];
    expect(await outcome()).to.equal('ok');
    expect(listings()).to.equal(3);
  });

  it('the first listing begins again when it was throttled or its token expired', async () => {
    const { outcome, state, listings } = setUp({}, ['ACTIVE']);
    const cause = Object.assign(new Error('older than 300 s'), { name: 'ExpiredNextTokenException' });
    state.listingFails = [
      new KinesisError('throttled', 'slow down'),
      new KinesisError('transient', 'expired', { cause }),
    ];
    expect(await outcome()).to.equal('ok');
    expect(listings()).to.equal(3);
  });

  it('a host that does not know the new stream yet is asked again; without a creation it is an error at once', async () => {
    const known = setUp({ createStream: { shards: 1 } }, [missing(), 'ACTIVE']);
    known.state.listingFails = [missing()];
    expect(await known.outcome()).to.equal('ok');
    const without = setUp({}, ['ACTIVE']);
    without.state.listingFails = [missing()];
    expect(await without.outcome()).to.equal('ERR_STREAM_NOT_FOUND');
    expect(without.listings()).to.equal(1);
  });

  it('a connection that cannot be made is an error at once', async () => {
    const { outcome, state, listings } = setUp({}, ['ACTIVE']);
    state.listingFails = [new KinesisError('transient', 'refused')];
    expect(await outcome()).to.equal('ERR_CONNECTION');
    expect(listings()).to.equal(1);
  });

  it('skip looks at nothing', async () => {
    const { outcome, calls, listings } = setUp({ describe: 'skip' }, [missing()]);
    expect(await outcome()).to.equal('ok');
    expect(calls).to.deep.equal([]);
    expect(listings()).to.equal(1);
  });

  it('an abort ends the wait', async () => {
    const { time, stop, run, calls } = setUp({}, ['CREATING']);
    const ended = run();
    await time.advance(600);
    stop.abort();
    await time.settled(
      ended.catch(() => undefined),
      10,
    );
    expect(calls).to.have.length(2);
    expect(time.pending()).to.equal(0);
  });
});
