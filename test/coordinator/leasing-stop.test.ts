// The end of one instance's leases: what is written, in which order, and what others see of it.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { createLeasing, type Leasing } from '../../src/coordinator/leasing.ts';
import type { LeaseStore } from '../../src/model/lease-store.ts';
import { sequencePosition, TRIM_HORIZON } from '../../src/model/position.ts';
import { FENCE_BYTES, fenceOn } from '../../src/platform/fence.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';
import { shardOf } from './coordinator-harness.ts';

const LISTING = { shards: [shardOf('a'), shardOf('b')], serverTimeMs: 0 };

describe('leasing', () => {
  let time: VirtualTime;
  let store: LeaseStore;
  let said: string[];
  let writes: string[];
  let closed: number;

  const startOne = async (instanceId: string): Promise<Leasing> => {
    const note = (what: string) => (lease: { shardId: string }) =>
      said.push(`${instanceId} ${what} ${lease.shardId}`);
    const noted = <Name extends 'release' | 'end' | 'checkpoint'>(name: Name) =>
      ((write: never) => {
        writes.push(`${instanceId} ${name}`);
        return (store[name] as (write: never) => unknown)(write);
      }) as unknown as LeaseStore[Name];
    const leasing = createLeasing({
      config: {
        application: 'app',
        instanceId,
        version: '1',
        start: 'TRIM_HORIZON',
        maxShards: null,
        leaseDurationMs: 10_000,
        marginMs: 1_500,
        heartbeatIntervalMs: 2_500,
        coordinationIntervalMs: 1_000,
        checkpointIntervalMs: 1_000,
        drainDeadlineMs: 30_000,
      },
      store: {
        ...store,
        release: noted('release'),
        end: noted('end'),
        checkpoint: noted('checkpoint'),
        close: async () => {
          closed += 1;
        },
      },
      api: { listShards: async () => LISTING },
      fence: fenceOn(new SharedArrayBuffer(FENCE_BYTES), time.clock),
      clock: time.clock,
      timers: time.timers,
      random: () => 0.5,
      nonce: () => 'n',
      host: { name: 'h', boot: 'b', pid: 1 },
      isProcessGone: () => false,
      reading: {
        begin: note('begins'),
        drain: (lease) => {
          said.push(`${instanceId} drains ${lease.shardId}`);
          leasing.drained(lease.shardId, lease.token);
        },
        resume: note('resumes'),
        abort: note('aborts'),
        handedOff: note('handed off'),
        done: note('done'),
        lost: note('lost'),
      },
      onRows: async () => undefined,
      onSession: () => undefined,
      tick: () => undefined,
      emit: () => undefined,
      log: (message, error) => said.push(`${message}: ${String(error)}`),
    });
    const { start } = (await time.settled(leasing.adopt(0))) as { start: typeof TRIM_HORIZON };
    await time.settled(leasing.join(start, LISTING));
    await time.settled(leasing.run());
    return leasing;
  };

  const stop = async (leasing: Leasing) => {
    leasing.drain();
    await time.settled(leasing.rested);
    return time.settled(leasing.leave());
  };

  beforeEach(() => {
    time = createVirtualTime();
    store = createMemoryLeaseStore();
    said = [];
    writes = [];
    closed = 0;
  });

  it('writes the last positions with the release, ends its session behind that, and leaves no timer', async () => {
    const one = await startOne('one');
    const upTo = sequencePosition('7', 0);
    one.acked('a', one.held.get('a')!.token, upTo);
    expect(await stop(one)).to.deep.equal([
      ['a', upTo],
      ['b', TRIM_HORIZON],
    ]);
    expect(writes).to.deep.equal(['one release', 'one release', 'one end']);
    expect(await store.readShard('a')).to.include({ owner: null, position: upTo });
    expect((await store.readSession('one#n'))!.state).to.equal('ended');
    expect(closed).to.equal(1);
    expect(time.pending()).to.equal(0);
  });

  it('a second instance gets its half by hand-off, and all when the first one has left', async () => {
    const one = await startOne('one');
    const two = await startOne('two');
    await time.until(() => two.held.size === 1, 10_000);
    expect(said.filter((each) => each.includes('handed off'))).to.have.length(1);
    expect(said.filter((each) => each.includes('lost'))).to.deep.equal([]);
    await stop(one);
    await time.until(() => two.held.size === 2, 2_000);
    await stop(two);
    expect((await store.readAll()).shards.map(({ owner }) => owner)).to.deep.equal([null, null]);
  });

  it('what beats no more is declared dead after a lease, and its shards are taken', async () => {
    await store.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON });
    const gone = { state: 'live', maxShards: null, host: 'x', boot: '', pid: 1, version: '1' } as const;
    await store.createSession({ session: 'gone#1', beat: 3, ...gone });
    for (const shardId of ['a', 'b']) {
      await store.createShard({ shardId, startsAt: '1', parents: [], position: TRIM_HORIZON });
      await store.take({ shardId, seenOwner: null, seenToken: 0, me: 'gone#1', token: 1, salvage: null });
    }
    const one = await startOne('one');
    await time.advance(9_900);
    expect(one.held.size).to.equal(0);
    await time.until(() => one.held.size === 2, 1_500);
    expect((await store.readSession('gone#1'))!.state).to.equal('dead');
    // Its row goes when nothing names it any more and it has been dead for a lease.
    await time.advance(13_000);
    expect(await store.readSession('gone#1')).to.equal(null);
    await stop(one);
  });
});
