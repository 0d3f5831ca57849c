// One reader per assigned shard: an explicit state machine around GetRecords.
//
//   starting ──> polling <──> waiting-for-handler / waiting-for-budget / backing-off
//                   │                                                        │
//                   └──> ended (end of the shard) <── ended (it is gone) ────┘     any ──> stopped (revoked, drained, failed)
//
// Reading goes on at the record of the position itself, which is dropped: that it comes again proves that retention has
// taken nothing behind it.

import type { Processor } from '../codec/processor.ts';
import { OUT_OF_SHARD_RANGE } from '../codec/record-marks.ts';
import type { KinesisApi, Page } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { type EncodedError, encodeError } from '../model/errors.ts';
import {
  decodePosition,
  isBefore,
  type Position,
  sequencePosition,
  TRIM_HORIZON,
} from '../model/position.ts';
import type { PageSink } from '../model/page-sink.ts';
import type { ChildShard, EndReason, ShardLoss, ShardState } from '../model/shard.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { BUDGET_UNIT_BYTES, budgetUnits } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { BudgetGate, Reservation } from './budget-gate.ts';
import { type PageEstimate, pageEstimate } from './page-estimate.ts';
import type { PollSchedule } from './poll-schedule.ts';
import type { ShardPresence } from './shard-presence.ts';

export interface ReaderStatus {
  readonly state: ShardState;
  /** Ms since the epoch. */
  readonly since: number;
  readonly lagMs: number | null;
  readonly reads: number;
  readonly throttled: number;
  /** Records that belong to another shard by their hash key. */
  readonly outOfRange: number;
  /** When a read last succeeded, ms since the epoch; null before the first. */
  readonly readAt: number | null;
  /** What the last call failed with; null after a success. */
  readonly error: EncodedError | null;
  /** What this reader looked for and did not find, the last of it; stays. */
  readonly loss: ShardLoss | null;
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
  readonly presence: ShardPresence;
  readonly processor: Pick<Processor, 'split'>;
  readonly sink: PageSink;
  /** Told about every page that is taken apart: by this the coordinator sees a thread that hangs, and where. */
  readonly onWork: PageWork;
  /** Send after every record, so that one that ends the thread is the very next after the last that was received. */
  readonly isolate: boolean;
  readonly gate: BudgetGate;
  readonly schedule: PollSchedule;
  readonly events: ReaderEvents;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
}

export interface PageWork {
  begin(): void;
  /** The next record of Kinesis is about to be taken apart. */
  record(): void;
  end(): void;
}

const TRANSITIONS: Readonly<Record<ShardState, readonly ShardState[]>> = {
  starting: ['polling', 'waiting-for-handler', 'waiting-for-budget', 'backing-off', 'stopped'],
  polling: ['waiting-for-handler', 'waiting-for-budget', 'backing-off', 'ended', 'stopped'],
  'waiting-for-handler': ['polling', 'stopped'],
  'waiting-for-budget': ['polling', 'stopped'],
  'backing-off': ['polling', 'ended', 'stopped'],
  ended: ['stopped'],
  stopped: [],
};

const BACKOFF = { minDelayMs: 200, maxDelayMs: 10_000 };
/** A throttle or two between readers that share a shard is daily business; more of them in a row is news. */
const QUIET_THROTTLES = 3;
/** So many failures in a row, and the iterator is made again. */
const SUSPICIOUS_FAILURES = 3;
/** A position that GetShardIterator refuses: a clock that runs ahead of AWS, or a stream that was created again. */
const REFUSALS = 5;
/** What this reader says about itself is passed on at intervals below this; a loss must be told before what lies behind it. */
const TELL_MS = 500;

export class ShardReader {
  readonly #parts: ReaderParts;
  readonly #stopping = new AbortController();
  #state: ShardState = 'starting';
  #since: number;
  #lagMs: number | null = null;
  #reads = 0;
  #throttled = 0;
  #outOfRange = 0;
  #readAt: number | null = null;
  #error: EncodedError | null = null;
  #loss: ShardLoss | null = null;
  /** Everything up to and including this was passed on; iterators are made again from here. */
  #position: Position;
  #iterator: string | null = null;
  /** The record that must come first, because the iterator was made at it; null once it did. */
  #awaited: Position | null = null;
  /** Why AWS accepts no iterator at the position, where it does not: then reading goes on at the oldest record. */
  #refused: KinesisError | null = null;
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
      outOfRange: this.#outOfRange,
      readAt: this.#readAt,
      error: this.#error,
      loss: this.#loss,
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
    const { api, shardId, schedule, clock, recordLimit, presence } = this.#parts;
    const { signal } = this.#stopping;
    let page: Page;
    try {
      this.#iterator ??= await this.#makeIterator();
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
    if (this.#error !== null) presence.found(shardId);
    this.#failures = 0;
    this.#error = null;
    this.#readAt = clock.now();
    try {
      const loss = signal.aborted ? null : this.#lossBefore(page);
      if (loss !== null) await this.#tell(loss);
    } catch (error) {
      this.#settle(reservation);
      throw error;
    }
    if (signal.aborted) this.#settle(reservation);
    else this.#take(page, reservation);
  }

  async #makeIterator(): Promise<string> {
    const { api, shardId } = this.#parts;
    const { signal } = this.#stopping;
    const from = this.#refused === null ? this.#position : TRIM_HORIZON;
    const iterator = await api.getShardIterator(shardId, from, { signal });
    this.#awaited = decodePosition(this.#position).type === 'SEQUENCE' ? this.#position : null;
    return iterator;
  }

  /** What is missing between the position and the first record that is there; null when nothing is, or nobody can tell yet. */
  #lossBefore(page: Page): ShardLoss | null {
    const awaited = this.#awaited;
    if (awaited === null) return null;
    const isEmpty = page.count === 0;
    // An empty page that is behind only skips a stretch without records.
    if (isEmpty && page.lagMs > 0 && page.nextIterator !== null) return null;
    this.#awaited = null;
    const before = isEmpty ? null : sequencePosition(page.sequenceNumbers[0]!, 0);
    if (before !== null && !isBefore(awaited, before)) {
      // There are older records than that of a position which AWS does not accept: it is not one of this shard.
      if (this.#refused !== null) throw this.#refused;
      return null;
    }
    this.#refused = null;
    return { kind: 'trimmed', after: this.#position, before };
  }

  /** Says so, and gives the word time to get ahead of everything that comes after it. */
  async #tell(loss: ShardLoss): Promise<void> {
    this.#loss = loss;
    this.#parts.events.onState(this.status);
    await delay(this.#parts.timers, TELL_MS, this.#stopping.signal);
  }

  /** The sink knows what of the reservation was used, also when it is closed already. */
  #settle(reservation: Reservation): number {
    const units = this.#parts.sink.endPage(reservation.units);
    reservation.done();
    return units;
  }

  #take(page: Page, reservation: Reservation): void {
    const { sink, schedule, clock, events, onWork } = this.#parts;
    this.#lagMs = page.lagMs;
    sink.beginPage(page.lagMs);
    onWork.begin();
    try {
      this.#deaggregate(page);
    } catch (error) {
      this.#settle(reservation);
      throw error;
    } finally {
      onWork.end();
    }
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
    const { processor, sink, onWork, isolate } = this.#parts;
    const skipUpTo = this.#position;
    let sequenceNumber = '';
    let arrivalTime = 0;
    let lastSub = 0;
    // Only a reader that started from a position, or had to make its iterator again, can meet what it already has, and
    // only at the beginning of a page: sequence numbers rise.
    let skipping = page.count > 0;
    const userRecords = {
      add: (
        data: Uint8Array,
        key: string,
        hashKey: string | null,
        sub: number,
        aggregated: boolean,
        marks = 0,
      ) => {
        lastSub = sub;
        if (skipping && !isBefore(skipUpTo, sequencePosition(sequenceNumber, sub))) return;
        if ((marks & OUT_OF_SHARD_RANGE) !== 0) this.#outOfRange += 1;
        sink.add(data, key, hashKey, sequenceNumber, sub, arrivalTime, aggregated, marks);
      },
    };
    for (let i = 0; i < page.count; i += 1) {
      onWork.record();
      sequenceNumber = page.sequenceNumbers[i]!;
      arrivalTime = page.arrivalTimes[i]!;
      skipping &&= !isBefore(skipUpTo, sequencePosition(sequenceNumber, 0));
      lastSub = 0;
      processor.split(
        page.slab.subarray(page.offsets[i], page.offsets[i + 1]),
        page.partitionKeys[i]!,
        userRecords,
        sequenceNumber,
      );
      if (isolate) sink.flush();
    }
    if (page.count > 0) {
      const last = sequencePosition(sequenceNumber, lastSub);
      if (isBefore(this.#position, last)) this.#position = last;
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof KinesisError)) throw error;
    const { events, timers, random } = this.#parts;
    const { signal } = this.#stopping;
    if (error.kind === 'expired-iterator') {
      this.#iterator = null;
      return;
    }
    if (error.kind === 'throttled') this.#throttled += 1;
    // What is missing may come back, or be created again; the coordinator decides what that means for the stream.
    else if (isMissing(error)) this.#iterator = null;
    else if (!error.retryable && !this.#isRefusal(error)) throw error;
    this.#failures += 1;
    // What keeps failing may be the iterator, by whatever name.
    if (error.kind !== 'throttled' && this.#failures % SUSPICIOUS_FAILURES === 0) this.#iterator = null;
    this.#error = encodeError(error);
    const delayMs = backoffDelayMs(this.#failures, BACKOFF, random);
    if (error.kind !== 'throttled' || this.#failures > QUIET_THROTTLES) {
      events.onRetry(error, this.#failures, delayMs);
    }
    this.#transition('backing-off');
    if (error.kind === 'shard-missing' && (await this.#isGone())) return;
    await delay(timers, delayMs, signal);
    if (!signal.aborted) this.#transition('polling');
  }

  /** True for a refused position that may be accepted later, or that the oldest record can stand for. */
  #isRefusal(error: KinesisError): boolean {
    if (error.kind !== 'invalid-argument' || this.#iterator !== null || this.#refused !== null) return false;
    if (this.#failures + 1 < REFUSALS) return true;
    if (decodePosition(this.#position).type !== 'SEQUENCE') return false;
    this.#refused = error;
    return true;
  }

  /** A shard that is gone ends like one that was read to its end, behind everything that was read of it. */
  async #isGone(): Promise<boolean> {
    const { presence, shardId, events, sink } = this.#parts;
    const { signal } = this.#stopping;
    const gone = await presence.isGone(shardId, signal).catch((error: unknown) => {
      if (signal.aborted) return false;
      throw error;
    });
    if (!gone || signal.aborted) return false;
    await this.#tell({ kind: 'gone', after: this.#position, before: null });
    if (signal.aborted) return true;
    this.#transition('ended');
    events.onEnd([]);
    sink.finish('shard-end');
    return true;
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

/** The shard or the whole stream. */
function isMissing(error: KinesisError): boolean {
  return error.kind === 'shard-missing' || error.kind === 'stream-missing';
}
