// One reader per assigned shard: an explicit state machine around GetRecords.
//
//   starting ──> polling <──> waiting-for-handler / waiting-for-budget / backing-off
//                   │                                                        │
//                   └──> ended (end of the shard) <── ended (it is gone) ────┘     any ──> stopped (revoked, drained, failed)

import type { Processor } from '../codec/processor.ts';
import type { KinesisApi, Page } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { type EncodedError, encodeError } from '../model/errors.ts';
import type { Position } from '../model/position.ts';
import type { PageSink } from '../model/page-sink.ts';
import type { ChildShard, EndReason, ShardLoss, ShardState } from '../model/shard.ts';
import { backoffDelayMs } from '../platform/backoff.ts';
import { BUDGET_UNIT_BYTES, budgetUnits } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { BudgetGate, Reservation, Wanted } from './budget-gate.ts';
import { deaggregation } from './deaggregation.ts';
import { type PageEstimate, pageEstimate, type TakenPage } from './page-estimate.ts';
import type { PollSchedule } from './poll-schedule.ts';
import { ReadPosition } from './read-position.ts';
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
/** What comes out of a page beyond its reservation goes on in steps of so much, a record of Kinesis at least. */
const STEP_BYTES = 2 ** 20;
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
  /** The last read failed because its iterator had expired. */
  #hasExpired = false;
  #outOfRange = 0;
  #readAt: number | null = null;
  #error: EncodedError | null = null;
  #loss: ShardLoss | null = null;
  readonly #position: ReadPosition;
  #iterator: string | null = null;
  readonly #estimate: PageEstimate;
  #failures = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#position = new ReadPosition(parts.from);
    this.#estimate = pageEstimate(parts.recordLimit, parts.gate.totalUnits);
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
    const { schedule, clock, timers } = this.#parts;
    const { signal } = this.#stopping;
    await this.#waitForHandler();
    if (signal.aborted) return;
    const waitMs = schedule.waitMs(clock.monotonic());
    if (waitMs > 0) {
      await delay(timers, waitMs, signal);
      return;
    }
    const reservation = await this.#reserve(this.#estimate.wanted(clock.monotonic()));
    if (reservation === null) return;
    await this.#read(reservation);
  }

  async #waitForHandler(): Promise<void> {
    const { sink } = this.#parts;
    if (sink.hasRoom()) return;
    this.#transition('waiting-for-handler');
    await sink.whenRoom();
    if (!this.#stopping.signal.aborted) this.#transition('polling');
  }

  async #reserve(wanted: Wanted): Promise<Reservation | null> {
    const { gate } = this.#parts;
    const atOnce = gate.tryReserve(wanted);
    if (atOnce !== null) return atOnce;
    this.#transition('waiting-for-budget');
    const reservation = await gate.reserve(wanted, this.#stopping.signal);
    if (reservation !== null && !this.#stopping.signal.aborted) this.#transition('polling');
    return reservation;
  }

  async #read(reservation: Reservation): Promise<void> {
    const { api, shardId, schedule, clock, presence } = this.#parts;
    const { signal } = this.#stopping;
    const limit = this.#estimate.limit(reservation);
    let page: Page;
    try {
      this.#iterator ??= await this.#makeIterator();
      if (this.#state !== 'polling' && !signal.aborted) this.#transition('polling');
      schedule.started(clock.monotonic());
      this.#reads += 1;
      page = await api.getRecords(this.#iterator, limit, { signal });
    } catch (error) {
      this.#settle(reservation);
      if (signal.aborted) return;
      await this.#failed(error);
      return;
    }
    if (this.#error !== null) presence.found(shardId);
    this.#failures = 0;
    this.#hasExpired = false;
    this.#error = null;
    this.#readAt = clock.now();
    try {
      const loss = signal.aborted ? null : this.#position.lossBefore(page);
      if (loss !== null) await this.#tell(loss);
    } catch (error) {
      this.#settle(reservation);
      throw error;
    }
    if (signal.aborted) this.#settle(reservation);
    else await this.#take(page, limit, reservation);
  }

  async #makeIterator(): Promise<string> {
    const { api, shardId } = this.#parts;
    const { signal } = this.#stopping;
    const iterator = await api.getShardIterator(shardId, this.#position.iteratorAt, { signal });
    this.#position.iteratorMade();
    return iterator;
  }

  /** Says so, and gives the word time to get ahead of everything that comes after it. */
  async #tell(loss: ShardLoss): Promise<void> {
    this.#loss = loss;
    this.#parts.events.onState(this.status);
    await delay(this.#parts.timers, TELL_MS, this.#stopping.signal);
  }

  /** The sink knows what of the reservation was used, also when it is closed already. All but `heldUnits` of it is given up. */
  #settle(reservation: Reservation, heldUnits = 0): number {
    const units = this.#parts.sink.endPage(reservation.units - heldUnits);
    reservation.done();
    return units;
  }

  async #take(page: Page, limit: number, reservation: Reservation): Promise<void> {
    const { sink, schedule, clock, events } = this.#parts;
    this.#lagMs = page.lagMs;
    sink.beginPage(page.lagMs);
    const taken = await this.#deaggregate(page, reservation);
    if (taken === null) return;
    this.#estimate.page({ ...taken, limit }, page.lagMs, clock.monotonic());
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

  /** Says what became of the page; null when the reader was stopped on the way. */
  async #deaggregate(page: Page, reservation: Reservation): Promise<Omit<TakenPage, 'limit'> | null> {
    const { onWork } = this.#parts;
    const parts = { ...this.#parts, onRecord: onWork.record };
    const pieces = deaggregation(page, this.#position.current, parts);
    let maxBytes = reservation.units * BUDGET_UNIT_BYTES + STEP_BYTES;
    let held = reservation;
    let units = 0;
    for (let done = false; ; ) {
      const outOfRange = pieces.outOfRange;
      onWork.begin();
      try {
        done = pieces.next(maxBytes);
      } catch (error) {
        pieces.drop();
        this.#settle(held);
        throw error;
      } finally {
        onWork.end();
      }
      this.#outOfRange += pieces.outOfRange - outOfRange;
      if (done) break;
      // The page is larger than what was reserved: the handler gets on with what came out of it before there is more. It does not
      // wait for the budget, where two such pages would wait for each other; what it is itself is counted until it is done.
      const slab = budgetUnits(page.slab.byteLength);
      units += this.#settle(held, slab);
      held = { units: slab, records: 0, done: () => undefined };
      maxBytes = STEP_BYTES;
      await this.#waitForHandler();
      if (this.#stopping.signal.aborted) {
        pieces.drop();
        this.#settle(held);
        return null;
      }
    }
    units += this.#settle(held);
    if (pieces.last !== null) this.#position.moveTo(pieces.last);
    return {
      bytes: page.slab.byteLength,
      records: page.count,
      largest: largestOf(page),
      units,
      userRecords: pieces.userRecords,
    };
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof KinesisError)) throw error;
    const { events, timers, random } = this.#parts;
    const { signal } = this.#stopping;
    if (error.kind === 'expired-iterator') {
      this.#iterator = null;
      // The first one is nothing to speak of; one that is made anew and expired again is a failure like others.
      if (!this.#hasExpired) {
        this.#hasExpired = true;
        return;
      }
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

  #isRefusal(error: KinesisError): boolean {
    if (error.kind !== 'invalid-argument' || this.#iterator !== null) return false;
    return this.#position.refuse(error, this.#failures + 1);
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
    await this.#tell({ kind: 'gone', after: this.#position.current, before: null });
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

function largestOf({ count, offsets }: Page): number {
  let largest = 0;
  for (let i = 0; i < count; i += 1) largest = Math.max(largest, offsets[i + 1]! - offsets[i]!);
  return largest;
}

/** The shard or the whole stream. */
function isMissing(error: KinesisError): boolean {
  return error.kind === 'shard-missing' || error.kind === 'stream-missing';
}
