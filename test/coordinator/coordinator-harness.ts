// A coordinator between a scripted Kinesis, the memory store, a pool that only takes notes, and receivers that are ports.

import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { coordinatorConfig } from '../../src/consumer/thread-config.ts';
import { Coordinator, type CoordinatorParts } from '../../src/coordinator/coordinator.ts';
import type { FetchPool, FetchPoolParts, HostDeath } from '../../src/coordinator/pool.ts';
import type { KinesisApi } from '../../src/kinesis/api.ts';
import type { LeaseStore } from '../../src/model/lease-store.ts';
import type { Shard } from '../../src/model/shard.ts';
import { resolveConsumerOptions } from '../../src/options.ts';
import { budgetKeeper, createBudgetMemory } from '../../src/platform/byte-budget.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { FENCE_BYTES, fenceOn } from '../../src/platform/fence.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import type {
  CoordinatorToFetcher,
  CoordinatorToReceiver,
  ReceiverToCoordinator,
  ThreadEvent,
} from '../../src/protocol.ts';
import { createFakePort, type FakePort } from '../fakes/ports.ts';

export type Assign = Extract<CoordinatorToFetcher, { type: 'assign' }>;
type Hooks = Parameters<CoordinatorParts['createPool']>[0];

let nonces = 0;

export const shardOf = (shardId: string, parentShardId: string | null = null, open = true): Shard => ({
  shardId,
  parentShardId,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '9',
  startingSequenceNumber: '1',
  endingSequenceNumber: open ? null : '2',
});

export class CoordinatorHarness {
  listing: Shard[] = [shardOf('a')];
  readonly events: ThreadEvent[] = [];
  readonly fatals: unknown[] = [];
  readonly sessions: string[] = [];
  /** Which receivers died, with their shards. */
  readonly gone: [receiver: number, shards: readonly string[]][] = [];
  readonly killed: number[] = [];
  readonly forgotten: number[] = [];
  readonly connected: number[] = [];
  replaced = 0;
  /** The fetch threads that there are. */
  hosts = [0];
  /** Of these, those that do not answer `drain`. */
  readonly mutes = new Set<number>();
  readonly toHosts: [host: number, message: CoordinatorToFetcher][] = [];
  /** Of the fetch threads; those that are not named move with every look. */
  readonly counters = new Map<number, number>();
  readonly handsOfHosts = new Map<number, number[]>();
  readonly handsOfReceivers = new Map<number, number[]>();
  readonly memory = createBudgetMemory(2 ** 20, 1_000, 4, 2);
  readonly budget = budgetKeeper(this.memory);
  readonly links: FakePort<CoordinatorToReceiver, ReceiverToCoordinator>[] = [];
  readonly store: LeaseStore;
  readonly coordinator: Coordinator;
  hooks!: Hooks;
  #looks = 0;

  constructor({
    receivers = 1,
    predecessor = null,
    store = createMemoryLeaseStore(),
    threadHangMs = 30_000,
  }: {
    readonly receivers?: number;
    readonly predecessor?: string | null;
    readonly store?: LeaseStore;
    readonly threadHangMs?: number;
  } = {}) {
    this.store = store;
    const api: Pick<KinesisApi, 'listShards' | 'close'> = {
      listShards: async () => ({ shards: this.listing, serverTimeMs: 1_000 }),
      close: () => undefined,
    };
    for (let n = 0; n < receivers; n += 1) this.links.push(createFakePort());
    this.coordinator = new Coordinator({
      config: coordinatorConfig(resolveConsumerOptions({ stream: 's', threadHangMs })),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      nonce: () => `n${(nonces += 1)}`,
      fence: fenceOn(new SharedArrayBuffer(FENCE_BYTES), systemClock),
      host: { name: 'h', boot: 'b', pid: 1 },
      isProcessGone: () => false,
      api: api as KinesisApi,
      credentials: { get: () => Promise.reject(new Error('not asked here')) },
      store,
      createPool: (hooks) => this.#pool(hooks),
      receivers: this.links.map(({ port }) => port),
      budget: this.budget,
      tick: () => undefined,
      threads: {
        hostCounter: (host) => this.counters.get(host) ?? (this.#looks += 1),
        hostHas: () => false,
        takeHostHands: (host) => this.handsOfHosts.get(host) ?? [],
        takeReceiverHands: (receiver) => this.handsOfReceivers.get(receiver) ?? [],
      },
      predecessor,
      onSession: (session) => this.sessions.push(session),
      onReceiverGone: (...row) => this.gone.push(row),
      emit: (event) => this.events.push(event),
      log: () => undefined,
      onFatal: (error) => this.fatals.push(error),
    });
  }

  async start(): Promise<this> {
    await this.store.open();
    await this.coordinator.start();
    return this;
  }

  /** Every receiver says that it is drained as soon as it is asked. */
  async stop(): Promise<void> {
    const stopped = this.coordinator.stop(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    for (const { far } of this.links) far.deliver({ type: 'drained', late: 0 });
    await stopped;
  }

  get assigned(): Assign[] {
    return this.toHosts.flatMap(([, message]) => (message.type === 'assign' ? [message] : []));
  }

  eventsOf<Name extends ThreadEvent['name']>(name: Name): Extract<ThreadEvent, { name: Name }>[] {
    return this.events.filter((event): event is Extract<ThreadEvent, { name: Name }> => event.name === name);
  }

  /** A fetch thread dies: of an error, killed, or at its end. */
  die(host: number, death: Partial<HostDeath> = {}): void {
    this.hosts = this.hosts.filter((each) => each !== host);
    const error = new Error('died');
    this.hooks.onDeath({ host, role: 'shared', wasReady: true, wasTold: false, error, ...death });
  }

  #pool(hooks: Pick<FetchPoolParts, keyof Hooks>): FetchPool {
    const hosts = () => this.hosts;
    this.hooks = hooks;
    return {
      start: async () => undefined,
      get all() {
        return hosts();
      },
      get ready() {
        return hosts();
      },
      get running() {
        return hosts();
      },
      isolation: () => null,
      endIsolation: () => undefined,
      connect: (receiver) => this.connected.push(receiver),
      post: (host, message) => {
        if (this.hosts.includes(host)) this.toHosts.push([host, message]);
      },
      broadcast: (message) => {
        if (message.type !== 'drain') return;
        for (const host of this.hosts) if (!this.mutes.has(host)) hooks.onMessage(host, { type: 'drained' });
      },
      replace: () => {
        this.replaced += 1;
      },
      forget: (host) => this.forgotten.push(host),
      kill: (host) => this.killed.push(host),
      destroy: async () => undefined,
    };
  }
}
