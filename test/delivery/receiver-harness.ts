// A receiver with fake ports, a real byte budget and virtual time. Batches take their bytes of the budget when they are
// sent and must be given back exactly once.

import { expect } from 'chai';
import { type CallsInHand, callsInHand } from '../../src/delivery/calls-in-hand.ts';
import { concurrencyGate } from '../../src/delivery/concurrency-gate.ts';
import { type DeliveryContext, Receiver } from '../../src/delivery/receiver.ts';
import type { Handler } from '../../src/model/handler.ts';
import { silentLogger } from '../../src/model/logger.ts';
import type { Position } from '../../src/model/position.ts';
import type { Batch } from '../../src/model/record.ts';
import type { EndReason } from '../../src/model/shard.ts';
import {
  budgetKeeper,
  budgetReleaser,
  budgetTaker,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import { deferred } from '../../src/platform/deferred.ts';
import type {
  AckMode,
  CoordinatorToReceiver,
  EpochRow,
  FetcherToReceiver,
  HostId,
  ReceiverToCoordinator,
  ReceiverToFetcher,
  ThreadEvent,
} from '../../src/protocol.ts';
import { batchOf, numbersOf } from '../fakes/batches.ts';
import { createFakePort, FakeRawPort } from '../fakes/ports.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

const BUDGET_BYTES = 1024 * 1024;
const BUDGET_RECORDS = 1_000;
const HOSTS = 4;

/** One call of the handler, which ends when the test says so. */
export interface Call {
  readonly shardId: string;
  readonly numbers: readonly number[];
  readonly batch: Batch;
  readonly context: DeliveryContext;
  readonly end: { resolve(result?: unknown): void; reject(reason: unknown): void };
}

export interface HarnessOptions {
  /** Default: a handler whose calls end when the test says so. */
  readonly handler?: Handler;
  readonly concurrency?: number | null;
  readonly ack?: AckMode;
  /** Default: of this receiver alone. */
  readonly calls?: CallsInHand;
}

export class ReceiverHarness {
  readonly time: VirtualTime = createVirtualTime();
  readonly receiver: Receiver;
  readonly calls: Call[] = [];
  /** Shards with a call of the handler that goes on, as other threads see it. */
  readonly inHand: number[] = [];
  readonly events: ThreadEvent[] = [];
  readonly errors: unknown[] = [];
  readonly warnings: string[] = [];
  readonly memory = createBudgetMemory(BUDGET_BYTES, BUDGET_RECORDS, HOSTS, 1);
  readonly budget = budgetKeeper(this.memory);
  /** The generation that the fence lets through. */
  validGeneration: number | null = 1;
  ended = false;
  readonly #hosts = new Map<HostId, FakeRawPort<ReceiverToFetcher, FetcherToReceiver>>();
  readonly #link = createFakePort<ReceiverToCoordinator, CoordinatorToReceiver>();

  constructor({
    handler = this.manual(),
    concurrency = null,
    ack = 'auto',
    calls = callsInHand(),
  }: HarnessOptions = {}) {
    this.receiver = new Receiver({
      link: this.#link.port,
      config: {
        stream: 'orders',
        ack,
        processor: { name: 'string', options: {} },
        concurrency,
        minDelayMs: 100,
        maxDelayMs: 1_000,
      },
      processor: { deserialize: (data) => Buffer.from(data).toString() },
      handler,
      budget: budgetReleaser(this.memory, 0),
      fence: { isValid: (generation) => generation === this.validGeneration },
      gate: concurrencyGate(concurrency),
      calls,
      progress: {
        take: (shard) => {
          this.inHand.push(shard);
          return () => void this.inHand.splice(this.inHand.indexOf(shard), 1);
        },
      },
      timers: this.time.timers,
      random: () => 1,
      logger: { ...silentLogger, warn: (_fields, message) => void this.warnings.push(message) },
      emit: (event) => this.events.push(event),
      soon: (fn) => void this.time.timers.setTimeout(fn, 0),
      onError: (error) => this.errors.push(error),
      onEnd: () => {
        this.ended = true;
      },
    });
    this.receiver.start();
  }

  /** A handler whose calls end when the test resolves or rejects them. */
  manual(hooks: Omit<Handler, 'handle'> = {}): Handler {
    return {
      ...hooks,
      handle: (batch: Batch, context) => {
        const end = deferred<unknown>();
        const { shardId } = batch;
        this.calls.push({
          shardId,
          batch,
          numbers: numbersOf(batch),
          context: context as DeliveryContext,
          end: { resolve: (result) => end.resolve(result), reject: (reason) => end.reject(reason) },
        });
        return end.promise;
      },
    };
  }

  get lastCall(): Call {
    return this.calls[this.calls.length - 1]!;
  }

  get handled(): number[] {
    return this.calls.flatMap(({ numbers }) => numbers);
  }

  /** A new fetch thread. */
  addHost(host: HostId): FakeRawPort<ReceiverToFetcher, FetcherToReceiver> {
    const port = new FakeRawPort<ReceiverToFetcher, FetcherToReceiver>();
    this.#hosts.set(host, port);
    this.tell({ type: 'host', host, port });
    return port;
  }

  host(host: HostId): FakeRawPort<ReceiverToFetcher, FetcherToReceiver> {
    return this.#hosts.get(host)!;
  }

  tell(message: CoordinatorToReceiver): void {
    this.#link.far.deliver(message);
  }

  /** The coordinator's row about an epoch; token and generation 1 unless told. */
  epoch(row: Partial<EpochRow> & Pick<EpochRow, 'shard' | 'epoch' | 'host'>): void {
    const shardId = `shard-${row.shard}`;
    this.tell({
      type: 'epoch',
      rows: [{ shardId, token: 1, generation: 1, failures: 0, reason: null, ...row }],
    });
  }

  revoke(shard: number, epoch: number, reason: EndReason = 'lease-lost'): void {
    this.epoch({ shard, epoch, host: null, reason });
  }

  /** A fetch thread sends the records `first` to `last` in one batch, paid out of the budget. */
  send(host: HostId, shard: number, epoch: number, first: number, last = first): void {
    const message = batchOf(shard, epoch, first, last);
    const taker = budgetTaker(this.memory, host);
    expect(taker.tryReserve(message.units)).to.equal(true);
    taker.settle(message.units, message.units, message.n);
    taker.sent(0, message.units, message.n);
    this.host(host).deliver(message);
  }

  sendEnd(host: HostId, shard: number, epoch: number, reason: EndReason = 'shard-end'): void {
    this.host(host).deliver({ type: 'end', shard, epoch, reason });
  }

  /** Lets everything go on that can, without moving the clock. */
  async settle(): Promise<void> {
    await this.time.advance(0);
  }

  /** Runs what goes on by itself, but not what was put off to the end of the tick. */
  async withinTick(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  get toCoordinator(): readonly ReceiverToCoordinator[] {
    return this.#link.far.sent;
  }

  toCoordinatorOf<Type extends ReceiverToCoordinator['type']>(
    type: Type,
  ): Extract<ReceiverToCoordinator, { type: Type }>[] {
    return this.#link.far.sentOf(type);
  }

  /** Everything that was acked, in order. */
  get acks(): { shard: number; token: number; epoch: number; upTo: Position }[] {
    return this.toCoordinatorOf('acked').flatMap(({ rows }) =>
      rows.map(([shard, token, epoch, upTo]) => ({ shard, token, epoch, upTo })),
    );
  }

  ackedUpTo(shard: number): Position | null {
    return this.acks.findLast((ack) => ack.shard === shard)?.upTo ?? null;
  }

  /** By how many batches the windows at a fetch thread were opened, by shard. */
  released(host: HostId): Record<number, number> {
    const counts: Record<number, number> = {};
    for (const { rows } of this.host(host).sentOf('acks')) {
      for (const [shard, , n] of rows) counts[shard] = (counts[shard] ?? 0) + n;
    }
    return counts;
  }

  readonly allUnits = BUDGET_BYTES / 1024;

  /** Of the byte budget. */
  get freeUnits(): number {
    return new Int32Array(this.memory)[0]!;
  }

  /** Both bytes and records of everything that was ever taken are back. */
  expectBalanced(): void {
    expect(this.budget.freeBytes()).to.equal(BUDGET_BYTES);
    expect(new Int32Array(this.memory)[3], 'free records').to.equal(BUDGET_RECORDS);
  }
}
