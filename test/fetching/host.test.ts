// The host task of a fetch thread: one reader per assigned shard, as the coordinator says.

import { expect } from 'chai';
import { budgetGate } from '../../src/fetching/budget-gate.ts';
import { createFetchHost, type FetchHost } from '../../src/fetching/host.ts';
import { shardPresence } from '../../src/fetching/shard-presence.ts';
import { pollSchedule } from '../../src/fetching/poll-schedule.ts';
import type { PageSink } from '../../src/model/page-sink.ts';
import { encodeError, ShardpoolError } from '../../src/model/errors.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import type { EndReason } from '../../src/model/shard.ts';
import { budgetTaker, createBudgetMemory } from '../../src/platform/byte-budget.ts';
import type { CoordinatorToFetcher, FetcherToCoordinator } from '../../src/protocol.ts';
import { createFakePort, FakeRawPort } from '../fakes/ports.ts';
import { createShardApi, type ShardApi } from '../fakes/shard-api.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

interface Opened {
  readonly shard: number;
  readonly epoch: number;
  readonly generation: number;
  readonly receiver: number;
  readonly records: string[];
  ended: EndReason | null;
}

describe('fetch host', () => {
  let time: VirtualTime;
  let api: ShardApi;
  let coordinator: FakeRawPort<FetcherToCoordinator, CoordinatorToFetcher>;
  let sinks: Opened[];
  let host: FetchHost;
  let ways: string[];
  let inHand: number[];
  let ticks: number;
  /** The shards in hand while each record was taken apart. */
  let splits: number[][];

  beforeEach(() => {
    time = createVirtualTime();
    api = createShardApi(time);
    sinks = [];
    ways = [];
    inHand = [];
    ticks = 0;
    splits = [];
    const control = createFakePort<FetcherToCoordinator, CoordinatorToFetcher>();
    coordinator = control.far;
    const budget = budgetTaker(createBudgetMemory(2 ** 20, 1_000, 1, 1), 0);
    host = createFetchHost({
      control: control.port,
      timers: time.timers,
      openSink(shard, epoch, generation, receiver): PageSink {
        const opened: Opened = { shard, epoch, generation, receiver, records: [], ended: null };
        sinks.push(opened);
        const end = (reason: EndReason) => {
          opened.ended ??= reason;
        };
        return {
          add: (_data, _key, _hashKey, sequenceNumber) => opened.records.push(sequenceNumber),
          beginPage: () => undefined,
          endPage: (reserved) => {
            budget.settle(reserved, 0, 0);
            return 0;
          },
          flush: () => undefined,
          hasRoom: () => true,
          whenRoom: () => Promise.resolve(),
          finish: end,
          close: end,
        };
      },
      connect: (receiver) => ways.push(`+${receiver}`),
      disconnect: (receiver) => ways.push(`-${receiver}`),
      progress: {
        tick: () => {
          ticks += 1;
        },
        take: (shard) => {
          inHand.push(shard);
          return () => void inHand.splice(inHand.indexOf(shard), 1);
        },
      },
      readerParts: () => ({
        recordLimit: 10,
        api,
        presence: shardPresence(
          { listShards: () => Promise.reject(new Error('not asked here')) },
          time.clock,
        ),
        processor: {
          hasInnerKeys: false,
          split(data, key, sink) {
            splits.push([...inHand]);
            sink.add(data, key, null, 0, false);
          },
        },
        gate: budgetGate(budget, time.timers),
        schedule: pollSchedule(5, 1_000, time.clock.monotonic()),
        clock: time.clock,
        timers: time.timers,
        random: () => 1,
      }),
      utilization: () => 0.25,
    });
    host.start();
  });

  const assign = async (shard: number, epoch: number) => {
    coordinator.deliver({
      type: 'assign',
      shard,
      shardId: `shard-${shard}`,
      token: 1,
      epoch,
      generation: 3,
      from: TRIM_HORIZON,
      receiver: 2,
      isolate: false,
      range: null,
    });
    await time.advance(0);
  };

  it('says that it is ready, and answers pings', () => {
    expect(coordinator.sent).to.deep.equal([{ type: 'ready' }]);
    coordinator.deliver({ type: 'ping', id: 8 });
    expect(coordinator.sent.at(-1)).to.deep.equal({ type: 'pong', id: 8, utilization: 0.25 });
  });

  it('reads what it is assigned, into the outbox of that epoch and receiver', async () => {
    api.pages({ records: [1, 2] });
    await assign(7, 4);
    expect(sinks).to.deep.equal([
      { shard: 7, epoch: 4, generation: 3, receiver: 2, records: ['1', '2'], ended: null },
    ]);
  });

  it('has a shard in hand while a page of it is taken apart, and moves with every record and message', async () => {
    api.pages({ records: [1, 2] });
    await assign(7, 4);
    expect(splits).to.deep.equal([[7], [7]]);
    expect(inHand).to.deep.equal([]);
    const before = ticks;
    coordinator.deliver({ type: 'ping', id: 1 });
    expect(ticks).to.equal(before + 1);
  });

  it('lets go of a dead receiver and says so, and takes up the one that follows', () => {
    coordinator.deliver({ type: 'receiverGone', receiver: 2 });
    expect(ways).to.deep.equal(['-2']);
    expect(coordinator.sent.at(-1)).to.deep.equal({ type: 'receiverGone', receiver: 2 });
    coordinator.deliver({ type: 'receiver', receiver: 2, port: new FakeRawPort() });
    expect(ways).to.deep.equal(['-2', '+2']);
  });

  it('reports states at most four times a second and shard', async () => {
    await assign(0, 1);
    await time.advance(10_000);
    const states = coordinator.sentOf('state');
    expect(states.length).to.be.within(5, 41);
    expect(states.at(-1)).to.include({ shard: 0, epoch: 1, state: 'polling', lagMs: 0 });
  });

  it('stops a revoked reader and says so; an older revoke stops nothing newer', async () => {
    await assign(0, 2);
    coordinator.deliver({ type: 'revoke', shard: 0, epoch: 1, reason: 'requested' });
    expect(sinks[0]!.ended).to.equal(null);
    coordinator.deliver({ type: 'revoke', shard: 0, epoch: 2, reason: 'lease-lost' });
    expect(sinks[0]!.ended).to.equal('lease-lost');
    expect(coordinator.sentOf('revoked').map(({ epoch }) => epoch)).to.deep.equal([1, 2]);
    const reads = api.reads.length;
    await time.advance(10_000);
    expect(api.reads).to.have.length(reads);
  });

  it('a new epoch of a shard ends the reader of the old one', async () => {
    await assign(0, 1);
    await assign(0, 2);
    expect(sinks.map(({ epoch, ended }) => [epoch, ended])).to.deep.equal([
      [1, 'requested'],
      [2, null],
    ]);
  });

  it('reports the end of a shard with its children, failures and retries under their epoch', async () => {
    const children = [{ shardId: 'c', parents: ['shard-0'], startingHashKey: '0', endingHashKey: '1' }];
    api.pages({ fails: 'transient' }, { last: true, children });
    await assign(0, 3);
    await time.advance(1_000);
    expect(coordinator.sentOf('shardRetry')[0]).to.include({ shard: 0, epoch: 3, attempt: 1, delayMs: 200 });
    expect(coordinator.sentOf('shardEnd')).to.deep.equal([
      { type: 'shardEnd', shard: 0, epoch: 3, children },
    ]);
    api.pages({ fails: 'access-denied' });
    await assign(1, 1);
    expect(coordinator.sentOf('shardFailed')[0]!.error).to.include({ code: 'ERR_ACCESS_DENIED' });
  });

  it('drain ends every reader, then says that it is drained', async () => {
    await assign(0, 1);
    await assign(1, 1);
    coordinator.deliver({ type: 'drain' });
    expect(sinks.map(({ ended }) => ended)).to.deep.equal(['requested', 'requested']);
    expect(coordinator.sent.at(-1)).to.deep.equal({ type: 'drained' });
  });

  it('asks the coordinator for credentials and passes on keys and errors', async () => {
    const value = { accessKeyId: 'a', secretAccessKey: 's', sessionToken: null, expiration: 9 };
    const [first, second] = [host.credentials(), host.credentials(true)];
    const [ask, renew] = coordinator.sentOf('credentials?');
    expect([ask!.renew, renew!.renew]).to.deep.equal([false, true]);
    const error = encodeError(new ShardpoolError('ERR_CREDENTIALS', 'none'));
    coordinator.deliver({ type: 'credentials', id: renew!.id, value: null, error });
    coordinator.deliver({ type: 'credentials', id: ask!.id, value, error: null });
    expect(await first).to.deep.equal(value);
    const failure = await second.catch((reason: unknown) => reason);
    expect(failure).to.be.instanceOf(ShardpoolError).and.to.include({ code: 'ERR_CREDENTIALS' });
  });

  it('end stops everything, leaves no timer behind and rejects who waits for credentials', async () => {
    await assign(0, 1);
    const waiting = host.credentials().catch((error: Error) => error.message);
    coordinator.deliver({ type: 'end' });
    await time.settled(host.ended);
    expect(await waiting).to.contain('stopped');
    expect(sinks[0]!.ended).to.equal('requested');
    await time.advance(0);
    expect(time.pending()).to.equal(0);
  });
});
