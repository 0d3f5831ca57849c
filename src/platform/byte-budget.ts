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
const HEADER = 4;
const STARVING = 0;
const TAKEN = 1;
const TAKEN_RECORDS = 2;
const PER_THREAD = 3;
const NO_TICKET = 0;

export function createBudgetMemory(bytes: number, records: number, threads: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((HEADER + PER_THREAD * threads) * Int32Array.BYTES_PER_ELEMENT);
  const cells = new Int32Array(memory);
  cells[FREE] = budgetUnits(bytes);
  cells[TOTAL] = budgetUnits(bytes);
  cells[RECORDS_FREE] = Math.min(records, 2 ** 31 - 1);
  return memory;
}

/** The side of one fetch thread. */
export interface BudgetTaker {
  readonly totalUnits: number;
  /**
   * Takes `units` if they are free, or if the whole budget is: what is larger than the budget passes alone. Without success it
   * claims the ticket, unless told that something else is waited for than room.
   */
  tryReserve(units: number, claimTicket?: boolean): boolean;
  /** Corrects a reservation to what was really needed; more than reserved overdraws, by one page at most. */
  settle(reserved: number, units: number, records: number): void;
  /** Gives back what will never be sent. */
  giveBack(units: number, records: number): void;
  /** Withdraws this thread's claim on the ticket, when nothing of it waits any more. */
  abandon(): void;
}

export function budgetTaker(memory: SharedArrayBuffer, thread: number): BudgetTaker {
  const cells = new Int32Array(memory);
  const base = HEADER + PER_THREAD * thread;
  const mine = thread + 1;

  const attempt = (units: number): boolean => {
    for (;;) {
      const ticket = Atomics.load(cells, TICKET);
      if (ticket !== NO_TICKET && ticket !== mine) return false;
      const free = Atomics.load(cells, FREE);
      const fits = free >= units || free >= Atomics.load(cells, TOTAL);
      if (!fits || Atomics.load(cells, RECORDS_FREE) <= 0) return false;
      if (Atomics.compareExchange(cells, FREE, free, free - units) === free) break;
    }
    Atomics.add(cells, base + TAKEN, units);
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
    tryReserve(units, claimTicket = true) {
      if (attempt(units)) return true;
      // Once more after the flag is up: a release in between has not seen the flag and would wake nobody.
      Atomics.store(cells, base + STARVING, 1);
      if (claimTicket) Atomics.compareExchange(cells, TICKET, NO_TICKET, mine);
      return attempt(units);
    },
    settle: (reserved, units, records) => change(units - reserved, records),
    giveBack: (units, records) => change(-units, -records),
    abandon() {
      Atomics.store(cells, base + STARVING, 0);
      Atomics.compareExchange(cells, TICKET, mine, NO_TICKET);
    },
  };
}

/** The side of the receivers and of whoever looks on. */
export interface BudgetReleaser {
  /** Gives back what one batch took. Exactly once per received batch. */
  release(units: number, records: number): void;
  /** True when `thread` waits for room; the caller then sends it a `room` message. */
  isStarving(thread: number): boolean;
  /**
   * Gives back what a dead thread had taken beyond what receivers got of it and release themselves, and its ticket. Both
   * counts are of its whole life, modulo 2^32. Returns the units given back.
   */
  repay(thread: number, receivedUnits: number, receivedRecords: number): number;
  freeBytes(): number;
  totalBytes(): number;
}

export function budgetReleaser(memory: SharedArrayBuffer): BudgetReleaser {
  const cells = new Int32Array(memory);
  const release = (units: number, records: number) => {
    Atomics.add(cells, RECORDS_FREE, records);
    Atomics.add(cells, FREE, units);
  };
  return {
    release,
    isStarving: (thread) => Atomics.load(cells, HEADER + PER_THREAD * thread + STARVING) === 1,
    repay(thread, receivedUnits, receivedRecords) {
      const base = HEADER + PER_THREAD * thread;
      const units = (Atomics.load(cells, base + TAKEN) - receivedUnits) | 0;
      const records = (Atomics.load(cells, base + TAKEN_RECORDS) - receivedRecords) | 0;
      release(units, records);
      // The slot is the next thread's, whose life begins at nothing.
      Atomics.store(cells, base + TAKEN, 0);
      Atomics.store(cells, base + TAKEN_RECORDS, 0);
      Atomics.store(cells, base + STARVING, 0);
      Atomics.compareExchange(cells, TICKET, thread + 1, NO_TICKET);
      return units;
    },
    freeBytes: () => Atomics.load(cells, FREE) * BUDGET_UNIT_BYTES,
    totalBytes: () => Atomics.load(cells, TOTAL) * BUDGET_UNIT_BYTES,
  };
}
