// The byte budget of a consumer: one account in shared memory over all threads and shards.
//
// A fetch thread reserves an estimate before it asks Kinesis, settles what the page really took, and the receiver
// releases each batch exactly once. The ticket keeps small records from starving a big one: who could not get its
// amount takes the ticket, and while somebody holds it nobody else reserves.

/** Bytes are counted in units of 1 KiB, rounded up. */
export const BUDGET_UNIT_BYTES = 1024;

export function budgetUnits(bytes: number): number {
  return Math.ceil(bytes / BUDGET_UNIT_BYTES);
}

const FREE = 0;
const TOTAL = 1;
const TICKET = 2;
const RECORDS_FREE = 3;
const THREADS = 4;
const RECORDS_TOTAL = 5;
const HEADER = 6;
// Per fetch thread, over its whole life, modulo 2^32: what it took and what of that it sent.
const STARVING = 0;
const TAKEN = 1;
const TAKEN_RECORDS = 2;
const SENT = 3;
const SENT_RECORDS = 4;
const PER_THREAD = 5;
// Per receiver, in the same way: what was sent to it and what of that it released.
const RECEIVED = 0;
const RECEIVED_RECORDS = 1;
const RELEASED = 2;
const RELEASED_RECORDS = 3;
const PER_RECEIVER = 4;
const NO_TICKET = 0;

export function createBudgetMemory(
  bytes: number,
  records: number,
  threads: number,
  receivers: number,
): SharedArrayBuffer {
  const size = HEADER + PER_THREAD * threads + PER_RECEIVER * receivers;
  const memory = new SharedArrayBuffer(size * Int32Array.BYTES_PER_ELEMENT);
  const cells = new Int32Array(memory);
  cells[THREADS] = threads;
  cells[FREE] = budgetUnits(bytes);
  cells[TOTAL] = budgetUnits(bytes);
  cells[RECORDS_FREE] = Math.min(records, 2 ** 31 - 1);
  cells[RECORDS_TOTAL] = cells[RECORDS_FREE];
  return memory;
}

/** The side of one fetch thread. */
export interface BudgetTaker {
  readonly totalUnits: number;
  /**
   * Takes `units` if they are free, or if the whole budget is: what is larger than the budget passes alone. The same with
   * `records`, of which one has to be free where none are named. Without success it claims the ticket, unless told that something
   * else is waited for than room.
   */
  tryReserve(units: number, claimTicket?: boolean, records?: number): boolean;
  /** Corrects a reservation to what was really needed; more than reserved overdraws, by one page at most. */
  settle(reserved: number, units: number, records: number): void;
  /** Gives back what will never be sent. */
  giveBack(units: number, records: number): void;
  /** What was taken is on its way to a receiver, which releases it from now on; in the same step as the sending. */
  sent(receiver: number, units: number, records: number): void;
  /** Withdraws this thread's claim on the ticket, when nothing of it waits any more. */
  abandon(): void;
}

export function budgetTaker(memory: SharedArrayBuffer, thread: number): BudgetTaker {
  const cells = new Int32Array(memory);
  const base = threadBase(thread);
  const mine = thread + 1;

  const attempt = (units: number, records: number): boolean => {
    const needed = Math.min(Math.max(1, records), Atomics.load(cells, RECORDS_TOTAL));
    for (;;) {
      const ticket = Atomics.load(cells, TICKET);
      if (ticket !== NO_TICKET && ticket !== mine) return false;
      const free = Atomics.load(cells, FREE);
      const fits = free >= units || free >= Atomics.load(cells, TOTAL);
      if (!fits || Atomics.load(cells, RECORDS_FREE) < needed) return false;
      if (Atomics.compareExchange(cells, FREE, free, free - units) === free) break;
    }
    Atomics.add(cells, base + TAKEN, units);
    // Two threads that look at the same moment may both pass: the records are overdrawn by one reservation of a thread then.
    Atomics.sub(cells, RECORDS_FREE, records);
    Atomics.add(cells, base + TAKEN_RECORDS, records);
    Atomics.store(cells, base + STARVING, 0);
    Atomics.compareExchange(cells, TICKET, mine, NO_TICKET);
    return true;
  };

  const change = (units: number, records: number) => {
    Atomics.sub(cells, FREE, units);
    Atomics.add(cells, base + TAKEN, units);
    Atomics.sub(cells, RECORDS_FREE, records);
    Atomics.add(cells, base + TAKEN_RECORDS, records);
  };

  return {
    totalUnits: Atomics.load(cells, TOTAL),
    tryReserve(units, claimTicket = true, records = 0) {
      if (attempt(units, records)) return true;
      // Once more after the flag is up: a release in between has not seen the flag and would wake nobody.
      Atomics.store(cells, base + STARVING, 1);
      if (claimTicket) Atomics.compareExchange(cells, TICKET, NO_TICKET, mine);
      return attempt(units, records);
    },
    settle: (reserved, units, records) => change(units - reserved, records),
    giveBack: (units, records) => change(-units, -records),
    sent(receiver, units, records) {
      const to = receiverBase(cells, receiver);
      Atomics.add(cells, base + SENT, units);
      Atomics.add(cells, base + SENT_RECORDS, records);
      Atomics.add(cells, to + RECEIVED, units);
      Atomics.add(cells, to + RECEIVED_RECORDS, records);
    },
    abandon() {
      Atomics.store(cells, base + STARVING, 0);
      Atomics.compareExchange(cells, TICKET, mine, NO_TICKET);
    },
  };
}

/** The side of one receiver. */
export interface BudgetReleaser {
  /** Gives back what one batch took. Exactly once per received batch. */
  release(units: number, records: number): void;
  /** True when `thread` waits for room; the caller then sends it a `room` message. */
  isStarving(thread: number): boolean;
}

export function budgetReleaser(memory: SharedArrayBuffer, receiver: number): BudgetReleaser {
  const cells = new Int32Array(memory);
  const base = receiverBase(cells, receiver);
  return {
    release(units, records) {
      Atomics.add(cells, base + RELEASED, units);
      Atomics.add(cells, base + RELEASED_RECORDS, records);
      giveRoom(cells, units, records);
    },
    isStarving: (thread) => Atomics.load(cells, threadBase(thread) + STARVING) === 1,
  };
}

/** The side of whoever looks after the threads: repays what the dead cannot. */
export interface BudgetKeeper {
  /** The thread waits for nothing any more: nobody else must wait because of it. */
  dropClaim(thread: number): void;
  /** Gives back what a dead fetch thread had taken and not sent, once it can do nothing more. Returns the units. */
  repayThread(thread: number): number;
  /** Gives back what a dead receiver had not released, once nobody sends to it any more. Returns the units. */
  repayReceiver(receiver: number): number;
  freeBytes(): number;
  totalBytes(): number;
}

export function budgetKeeper(memory: SharedArrayBuffer): BudgetKeeper {
  const cells = new Int32Array(memory);
  /** The difference of two counts, which wrap around. The cells are the next one's, whose life begins at nothing. */
  const outstanding = (base: number, taken: number, given: number) =>
    (Atomics.exchange(cells, base + taken, 0) - Atomics.exchange(cells, base + given, 0)) | 0;
  const dropClaim = (thread: number) => {
    Atomics.store(cells, threadBase(thread) + STARVING, 0);
    Atomics.compareExchange(cells, TICKET, thread + 1, NO_TICKET);
  };
  return {
    dropClaim,
    repayThread(thread) {
      const base = threadBase(thread);
      const units = outstanding(base, TAKEN, SENT);
      giveRoom(cells, units, outstanding(base, TAKEN_RECORDS, SENT_RECORDS));
      dropClaim(thread);
      return units;
    },
    repayReceiver(receiver) {
      const base = receiverBase(cells, receiver);
      const units = outstanding(base, RECEIVED, RELEASED);
      giveRoom(cells, units, outstanding(base, RECEIVED_RECORDS, RELEASED_RECORDS));
      return units;
    },
    freeBytes: () => Atomics.load(cells, FREE) * BUDGET_UNIT_BYTES,
    totalBytes: () => Atomics.load(cells, TOTAL) * BUDGET_UNIT_BYTES,
  };
}

function giveRoom(cells: Int32Array, units: number, records: number): void {
  Atomics.add(cells, RECORDS_FREE, records);
  Atomics.add(cells, FREE, units);
}

function threadBase(thread: number): number {
  return HEADER + PER_THREAD * thread;
}

function receiverBase(cells: Int32Array, receiver: number): number {
  return HEADER + PER_THREAD * cells[THREADS]! + PER_RECEIVER * receiver;
}
