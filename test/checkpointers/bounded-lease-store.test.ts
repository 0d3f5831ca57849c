// A store that never answers: every call ends all the same, reads as failed and writes as of unknown outcome.

import { expect } from 'chai';
import { boundedLeaseStore } from '../../src/checkpointers/bounded-lease-store.ts';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { LeaseStoreError, type LeaseStore } from '../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { leaseStoreContract } from '../contract/lease-store.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

leaseStoreContract(
  'memory lease store, bounded',
  () => boundedLeaseStore(createMemoryLeaseStore(), 5_000, systemTimers),
  { shared: false },
);

describe('bounded lease store', () => {
  const silent = (): LeaseStore => {
    const store = createMemoryLeaseStore();
    const never = () => new Promise<never>(() => undefined);
    return { ...store, readTick: never, take: never, end: never };
  };

  it('gives up on a call that is never answered, and leaves no timer', async () => {
    const time = createVirtualTime();
    const store = boundedLeaseStore(silent(), 5_000, time.timers);
    const outcomes: string[] = [];
    const note = (error: unknown) =>
      outcomes.push(error instanceof LeaseStoreError ? error.outcome : String(error));
    const calls = [
      store.readTick().catch(note),
      store.end('s').catch(note),
      store
        .take({ shardId: 'a', seenOwner: null, seenToken: 0, me: 's', token: 1, salvage: null })
        .catch(note),
    ];
    await time.advance(4_999);
    expect(outcomes).to.deep.equal([]);
    await time.advance(1);
    await Promise.all(calls);
    expect(outcomes).to.deep.equal(['not-applied', 'unknown', 'unknown']);
    expect(time.pending()).to.equal(0);
  });

  it('passes on what the store answers or throws', async () => {
    const time = createVirtualTime();
    const inner = createMemoryLeaseStore();
    await inner.open();
    const store = boundedLeaseStore(
      {
        ...inner,
        readAll: () => {
          throw new Error('broken');
        },
      },
      5_000,
      time.timers,
    );
    const { row } = await store.createShard({
      shardId: 'a',
      startsAt: '1',
      parents: [],
      position: TRIM_HORIZON,
    });
    expect(row?.shardId).to.equal('a');
    let message = '';
    await store.readAll().catch((error: unknown) => {
      message = (error as Error).message;
    });
    expect(message).to.equal('broken');
    expect(time.pending()).to.equal(0);
  });
});
