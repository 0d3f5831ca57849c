// One reader per assigned shard: an explicit state machine around GetRecords.
//
//   starting ──> polling <──> waiting-for-handler / waiting-for-budget / backing-off
//                   └──> ended (end of the shard)      any ──> stopped (revoked, drained, failed)

import type { Processor } from '../codec/processor.ts';
import type { KinesisApi, Page } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { isBefore, type Position, sequencePosition } from '../model/position.ts';
import type { PageSink } from '../model/page-sink.ts';
import type { ChildShard, EndReason, ShardState } from '../model/shard.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { BUDGET_UNIT_BYTES, budgetUnits } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { BudgetGate, Reservation } from './budget-gate.ts';
import { type PageEstimate, pageEstimate } from './page-estimate.ts';
import type { PollSchedule } from './poll-schedule.ts';

export interface ReaderStatus {
  readonly state: ShardState;
  /** Ms since the epoch. */
  readonly since: number;
  readonly lagMs: number | null;
  readonly reads: number;
  readonly throttled: number;
}

export interface ReaderEvents {
  readonly onState: (status: ReaderStatus) => void;
  readonly onEnd: (children: readonly ChildShard[]) => void;
  readonly onRetry: (error: KinesisError, attempt: number, delayMs: number) => void;
  /** Nothing that the reader can do will help; it has stopped. */
  readonly onFailed: (error: unknown) => void;
}

export interface ReaderParts {
  readonly shardId: string;
  readonly from: Position;
  readonly recordLimit: number;
  readonly api: Pick<KinesisApi, 'getShardIterator' | 'getRecords'>;
  readonly processor: Pick<Processor, 'split'>;
  readonly sink: PageSink;
  readonly gate: BudgetGate;
  readonly schedule: PollSchedule;
  readonly events: ReaderEvents;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
}

const TRANSITIONS: Readonly<Record<ShardState, readonly ShardState[]>> = {
  starting: ['polling', 'waiting-for-handler', 'waiting-for-budget', 'backing-off', 'stopped'],
  polling: ['waiting-for-handler', 'waiting-for-budget', 'backing-off', 'ended', 'stopped'],
  'waiting-for-handler': ['polling', 'stopped'],
  'waiting-for-budget': ['polling', 'stopped'],
  'backing-off': ['polling', 'stopped'],
  ended: ['stopped'],
  stopped: [],
};

const BACKOFF = { minDelayMs: 200, maxDelayMs: 10_000 };
/** A throttle or two between readers that share a shard is daily business; more of them in a row is news. */
const QUIET_THROTTLES = 3;

export class ShardReader {
  readonly #parts: ReaderParts;
  readonly #stopping = new AbortController();
  #state: ShardState = 'starting';
  #since: number;
  #lagMs: number | null = null;
  #reads = 0;
  #throttled = 0;
  /** Everything up to and including this was passed on; iterators are made again from here. */
  #position: Position;
  #iterator: string | null = null;
  readonly #estimate: PageEstimate = pageEstimate();
  #failures = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#position = parts.from;
    this.#since = parts.clock.now();
  }

  get status(): ReaderStatus {
    return {
      state: this.#state,
      since: this.#since,
      lagMs: this.#lagMs,
      reads: this.#reads,
      throttled: this.#throttled,
    };
  }

  /** Reads until the end of the shard, `stop`, or an error that retrying does not mend. Never rejects. */
  async run(): Promise<void> {
    this.#parts.events.onState(this.status);
    try {
      while (!this.#stopping.signal.aborted && this.#state !== 'ended') await this.#step();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.stop('requested');
      this.#parts.events.onFailed(error);
    }
  }

  /** Drops what was not sent; idempotent. */
  stop(reason: EndReason): void {
    if (this.#state === 'stopped') return;
    this.#transition('stopped');
    this.#stopping.abort();
    this.#parts.sink.close(reason);
  }

  async #step(): Promise<void> {
    const { sink, schedule, clock, timers } = this.#parts;
    const { signal } = this.#stopping;
    if (!sink.hasRoom()) {
      this.#transition('waiting-for-handler');
      await sink.whenRoom();
      if (signal.aborted) return;
      this.#transition('polling');
    }
    const waitMs = schedule.waitMs(clock.monotonic());
    if (waitMs > 0) {
      await delay(timers, waitMs, signal);
      return;
    }
    const reservation = await this.#reserve(budgetUnits(this.#estimate.bytes(clock.monotonic())));
    if (reservation === null) return;
    await this.#read(reservation);
  }

  async #reserve(units: number): Promise<Reservation | null> {
    const { gate } = this.#parts;
    const atOnce = gate.tryReserve(units);
    if (atOnce !== null) return atOnce;
    this.#transition('waiting-for-budget');
    const reservation = await gate.reserve(units, this.#stopping.signal);
    if (reservation !== null && !this.#stopping.signal.aborted) this.#transition('polling');
    return reservation;
  }

  async #read(reservation: Reservation): Promise<void> {
    const { api, shardId, schedule, clock, recordLimit } = this.#parts;
    const { signal } = this.#stopping;
    let page: Page;
    try {
      this.#iterator ??= await api.getShardIterator(shardId, this.#position, { signal });
      if (this.#state !== 'polling' && !signal.aborted) this.#transition('polling');
      schedule.started(clock.monotonic());
      this.#reads += 1;
      page = await api.getRecords(this.#iterator, recordLimit, { signal });
    } catch (error) {
      this.#settle(reservation);
      if (signal.aborted) return;
      await this.#failed(error);
      return;
    }
    this.#failures = 0;
    if (signal.aborted) this.#settle(reservation);
    else this.#take(page, reservation);
  }

  /** The sink knows what of the reservation was used, also when it is closed already. */
  #settle(reservation: Reservation): number {
    const units = this.#parts.sink.endPage(reservation.units);
    reservation.done();
    return units;
  }

  #take(page: Page, reservation: Reservation): void {
    const { sink, schedule, clock, events } = this.#parts;
    this.#lagMs = page.lagMs;
    sink.beginPage(page.lagMs);
    this.#deaggregate(page);
    // Small records cost more than their data.
    const bytes = this.#settle(reservation) * BUDGET_UNIT_BYTES;
    this.#estimate.page(bytes, page.lagMs, clock.monotonic());
    schedule.page(page.count, page.slab.byteLength, page.lagMs, clock.monotonic());
    this.#iterator = page.nextIterator;
    if (page.nextIterator === null) {
      this.#transition('ended');
      events.onEnd(page.children);
      sink.finish('shard-end');
    } else {
      events.onState(this.status);
    }
  }

  #deaggregate(page: Page): void {
    const { processor, sink } = this.#parts;
    const skipUpTo = this.#position;
    let sequenceNumber = '';
    let arrivalTime = 0;
    let lastSub = 0;
    // Only a reader that started from a position, or had to make its iterator again, can meet what it already has, and
    // only at the beginning of a page: sequence numbers rise.
    let skipping = page.count > 0;
    const userRecords = {
      add: (data: Uint8Array, key: string, hashKey: string | null, sub: number, aggregated: boolean) => {
        lastSub = sub;
        if (skipping && !isBefore(skipUpTo, sequencePosition(sequenceNumber, sub))) return;
        sink.add(data, key, hashKey, sequenceNumber, sub, arrivalTime, aggregated);
      },
    };
    for (let i = 0; i < page.count; i += 1) {
      sequenceNumber = page.sequenceNumbers[i]!;
      arrivalTime = page.arrivalTimes[i]!;
      skipping &&= !isBefore(skipUpTo, sequencePosition(sequenceNumber, 0));
      lastSub = 0;
      processor.split(
        page.slab.subarray(page.offsets[i], page.offsets[i + 1]),
        page.partitionKeys[i]!,
        userRecords,
      );
    }
    if (page.count > 0) {
      const last = sequencePosition(sequenceNumber, lastSub);
      if (isBefore(this.#position, last)) this.#position = last;
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof KinesisError)) throw error;
    const { events, timers, random } = this.#parts;
    if (error.kind === 'expired-iterator') {
      this.#iterator = null;
      return;
    }
    if (error.kind === 'throttled') this.#throttled += 1;
    // A shard that is gone is reported with every attempt, and the other shards go on.
    else if (!error.retryable && error.kind !== 'shard-missing') throw error;
    this.#failures += 1;
    const delayMs = backoffDelayMs(this.#failures, BACKOFF, random);
    if (error.kind !== 'throttled' || this.#failures > QUIET_THROTTLES) {
      events.onRetry(error, this.#failures, delayMs);
    }
    this.#transition('backing-off');
    await delay(timers, delayMs, this.#stopping.signal);
    if (!this.#stopping.signal.aborted) this.#transition('polling');
  }

  #transition(to: ShardState): void {
    if (!TRANSITIONS[this.#state].includes(to)) {
      throw new Error(`A shard reader cannot go from ${this.#state} to ${to}`);
    }
    this.#state = to;
    this.#since = this.#parts.clock.now();
    this.#parts.events.onState(this.status);
  }
}
