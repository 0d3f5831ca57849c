// The coordinator as a whole, between a scripted Kinesis, the memory store and a pool that only takes notes.

import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { Coordinator, type CoordinatorParts } from '../../src/coordinator/coordinator.ts';
import type { FetchPoolParts } from '../../src/coordinator/pool.ts';
import type { KinesisApi } from '../../src/kinesis/api.ts';
import { SHARD_END } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';
import { coordinatorConfig } from '../../src/consumer/thread-config.ts';
import { resolveConsumerOptions } from '../../src/options.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { FENCE_BYTES, fenceOn } from '../../src/platform/fence.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import type { CoordinatorToFetcher, ThreadEvent } from '../../src/protocol.ts';
import { until } from '../support/until.ts';

type Assign = Extract<CoordinatorToFetcher, { type: 'assign' }>;

const shard = (shardId: string, parentShardId: string | null, open = true): Shard => ({
  shardId,
  parentShardId,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '9',
  startingSequenceNumber: '1',
  endingSequenceNumber: open ? null : '2',
});

describe('coordinator', () => {
  let listing: Shard[];
  let assigned: Assign[];
  let events: ThreadEvent[];
  let hooks: Pick<FetchPoolParts, 'onMessage'>;
  let coordinator: Coordinator;

  beforeEach(async () => {
    listing = [shard('a', null)];
    assigned = [];
    events = [];
    const store = createMemoryLeaseStore();
    await store.open();
    const api: Pick<KinesisApi, 'listShards' | 'close'> = {
      listShards: async () => ({ shards: listing, serverTimeMs: 1_000 }),
      close: () => undefined,
    };
    const parts: CoordinatorParts = {
      config: coordinatorConfig(resolveConsumerOptions({ stream: 's' })),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      nonce: () => 'n',
      fence: fenceOn(new SharedArrayBuffer(FENCE_BYTES), systemClock.monotonic),
      host: { name: 'h', pid: 1 },
      api: api as KinesisApi,
      credentials: { get: () => Promise.reject(new Error('not asked here')) },
      store,
      createPool: (given) => {
        hooks = given;
        return {
          start: async () => undefined,
          ready: [0],
          post: (_host, message) => {
            if (message.type === 'assign') assigned.push(message);
          },
          broadcast: (message) => {
            if (message.type === 'drain') given.onMessage(0, { type: 'drained' });
          },
          replace: () => undefined,
          forget: () => undefined,
          kill: () => undefined,
          destroy: async () => undefined,
        };
      },
      receivers: 1,
      toReceiver: (receiver, message) => {
        if (message.type === 'drain') coordinator.fromReceiver(receiver, { type: 'drained', late: 0 });
      },
      repayBudget: () => undefined,
      tick: () => undefined,
      bufferedBytes: () => 0,
      emit: (event) => events.push(event),
      log: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    };
    coordinator = new Coordinator(parts);
    await coordinator.start();
  });
  afterEach(async () => {
    await coordinator.stop(100);
  });

  const ended = () => events.some((event) => event.name === 'shard:end');

  it('starts the children of a shard whose end was acked before its thread said so', async () => {
    const { shard: index, token, epoch } = assigned[0]!;
    // Two ports: the ack of the end comes from the receiver and may overtake the word of the fetch thread.
    coordinator.fromReceiver(0, { type: 'acked', rows: [[index, token, epoch, SHARD_END]] });
    await until('the end of the shard is stored', 5_000, ended);
    await new Promise((resolve) => setTimeout(resolve, 50));
    listing = [shard('a', null, false), shard('b', 'a')];
    const children = [{ shardId: 'b', parents: ['a'], startingHashKey: '0', endingHashKey: '9' }];
    hooks.onMessage(0, { type: 'shardEnd', shard: index, epoch, children });
    await until('the child is assigned', 5_000, () => assigned.length === 2);
    expect(assigned[1]).to.include({ shardId: 'b', token: 1 });
  });

  it('lists again when a shard has ended and no child of it is known, also without a word about children', async () => {
    const { shard: index, token, epoch } = assigned[0]!;
    listing = [shard('a', null, false), shard('b', 'a')];
    coordinator.fromReceiver(0, { type: 'acked', rows: [[index, token, epoch, SHARD_END]] });
    await until('the child is assigned', 5_000, () => assigned.length === 2);
    expect(assigned[1]).to.include({ shardId: 'b' });
  });
});
