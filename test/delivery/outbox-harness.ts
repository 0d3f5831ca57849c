// An outbox with one fake data port, a real byte budget and virtual time.

import { expect } from 'chai';
import { createOutbox, type Outbox } from '../../src/delivery/outbox.ts';
import type { PageSink } from '../../src/model/page-sink.ts';
import { RecordBatch } from '../../src/delivery/record-batch.ts';
import {
  type BudgetKeeper,
  budgetKeeper,
  budgetReleaser,
  budgetTaker,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import type { BatchMessage, BatchShape, FetcherToReceiver, ReceiverToFetcher } from '../../src/protocol.ts';
import { numbersOf } from '../fakes/batches.ts';
import { createFakePort } from '../fakes/ports.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

const TOTAL_BYTES = 1024 * 1024;
const TOTAL_RECORDS = 1_000;
/** What a reader reserves for each page here. */
const PAGE_UNITS = 8;

export class OutboxHarness {
  readonly time: VirtualTime = createVirtualTime();
  readonly #port = createFakePort<FetcherToReceiver, ReceiverToFetcher>();
  readonly #memory = createBudgetMemory(TOTAL_BYTES, TOTAL_RECORDS, 1, 1);
  readonly #taker = budgetTaker(this.#memory, 0);
  readonly #releaser = budgetReleaser(this.#memory, 0);
  readonly keeper: BudgetKeeper = budgetKeeper(this.#memory);
  readonly outbox: Outbox;
  readonly shard: PageSink;
  fenceOpen = true;
  rooms = 0;
  /** Batches that the receiver has given back to the budget. */
  readonly #released = new Set<BatchMessage>();
  #next = 1;

  constructor(shape: Partial<BatchShape> = {}) {
    this.outbox = createOutbox({
      budget: this.#taker,
      fence: { isValid: (generation) => generation === 1 && this.fenceOpen },
      shape: { maxRecords: 10, maxBytes: 1_000, maxWaitMs: 0, ...shape },
      timers: this.time.timers,
      onRoom: () => {
        this.rooms += 1;
      },
    });
    this.outbox.connect(0, this.#port.port);
    this.shard = this.outbox.open(0, 1, 1, 0);
  }

  /** A page of records of these sizes, reserved before and settled after. */
  page(sizes: readonly number[], shard: PageSink = this.shard, flush = false, between = () => {}): void {
    expect(this.#taker.tryReserve(PAGE_UNITS)).to.equal(true);
    shard.beginPage(0);
    for (const size of sizes) {
      shard.add(new Uint8Array(size), 'k', null, String(this.#next), 0, 0, false);
      this.#next += 1;
      if (flush) shard.flush();
      between();
    }
    shard.endPage(PAGE_UNITS);
  }

  get sent(): readonly FetcherToReceiver[] {
    return this.#port.far.sent;
  }

  get batches(): BatchMessage[] {
    return this.#port.far.sentOf('batch');
  }

  /** The records of each batch that was sent. */
  get numbers(): number[][] {
    return this.batches.map((message) =>
      numbersOf(
        new RecordBatch(message, {
          stream: '',
          shardId: '',
          token: 0,
          processor: { deserialize: () => null },
        }),
      ),
    );
  }

  get types(): string[] {
    return this.sent.map(({ type }) => type);
  }

  /** The receiver is done with the next `n` batches: releases them and says so. */
  ack(n = 1, epoch = 1): void {
    for (const message of this.batches.filter((each) => !this.#released.has(each)).slice(0, n)) {
      this.#released.add(message);
      this.#releaser.release(message.units, message.n);
    }
    this.deliver({ type: 'acks', rows: [[0, epoch, n]] });
  }

  deliver(message: ReceiverToFetcher): void {
    this.#port.far.deliver(message);
  }

  /** Units that are neither free nor in a batch that was sent and not released. */
  get heldUnits(): number {
    const inFlight = this.batches
      .filter((each) => !this.#released.has(each))
      .reduce((sum, { units }) => sum + units, 0);
    return (this.keeper.totalBytes() - this.keeper.freeBytes()) / 1024 - inFlight;
  }

  expectBalanced(): void {
    expect(this.keeper.freeBytes()).to.equal(TOTAL_BYTES);
    expect(new Int32Array(this.#memory)[3], 'free records').to.equal(TOTAL_RECORDS);
    // A thread that dies now owes nothing, and a receiver neither.
    expect([this.keeper.repayThread(0), this.keeper.repayReceiver(0)]).to.deep.equal([0, 0]);
  }
}
