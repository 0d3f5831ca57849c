// The fence: until when this process may act on its leases, in memory that all its threads see.
//
// The coordinator moves it forward only after a beat succeeded, and counts from the start of that beat. Whoever is
// about to hand a batch to a handler, to ack or to write compares then and there: a message or a timer would come too
// late in a process that was paused. Each session has a generation of its own, so that what belongs to a lost
// session stays shut when the next one opens the fence again.
//
// A virtual machine that is frozen may stop the monotonic clock too. Its wall clock is set right afterwards, as a rule: one
// that has run ahead of the monotonic clock since the last beat shuts the fence as well.

import type { Clock } from './clock.ts';

const LATCHED = -1n;
const VALID_UNTIL = 0;
const GENERATION = 2;
const TOLERATED_LEAD = 3;
const WALL_LEAD = 2;

export interface Fence {
  /** True while leases that were taken in this generation may be acted on. Once false for a generation, always false. */
  isValid(generation: number): boolean;
  /** The generation of the current session; 0 before the first. */
  readonly generation: number;
  /** Ms left of the current generation; negative when it passed. */
  remainingMs(): number;
  /** Moves the deadline forward by a beat. One that has passed or is latched stays shut. */
  extendTo(confirmed: Confirmed): void;
  /** Shuts it for this generation, whatever beats succeed later. */
  latch(): void;
  /** Begins the next generation. `toleratedLeadMs`: how far the wall clock may run ahead between two beats. */
  reopen(confirmed: Confirmed, toleratedLeadMs: number): void;
}

/** What a confirmed beat says; both as they were when it started. */
export interface Confirmed {
  /** The deadline that follows from it, in ms of the monotonic clock. */
  readonly until: number;
  /** How far the wall clock was ahead of the monotonic one, ms. */
  readonly wallLead: number;
}

export const FENCE_BYTES = 24;

export function wallLead(clock: Clock): number {
  return clock.now() - clock.monotonic();
}

export function fenceOn(memory: SharedArrayBuffer, clock: Clock): Fence {
  const deadline = new BigInt64Array(memory);
  const cells = new Int32Array(memory);
  const toMicros = (ms: number) => BigInt(Math.floor(ms * 1000));
  const isPast = (until: bigint) => until <= toMicros(clock.monotonic());
  const hasStoodStill = () =>
    wallLead(clock) - Number(Atomics.load(deadline, WALL_LEAD)) / 1000 > Atomics.load(cells, TOLERATED_LEAD);
  return {
    isValid(generation) {
      for (;;) {
        const until = Atomics.load(deadline, VALID_UNTIL);
        // The generation is compared last: a reopening between the two looks has changed it.
        if (!isPast(until) && !hasStoodStill()) return Atomics.load(cells, GENERATION) === generation;
        if (until === LATCHED) return false;
        // Whoever sees it shut latches it: an extension that is under way must not open it again behind that look.
        // One that came first is looked at instead.
        if (Atomics.compareExchange(deadline, VALID_UNTIL, until, LATCHED) === until) return false;
      }
    },
    get generation() {
      return Atomics.load(cells, GENERATION);
    },
    remainingMs: () => Number(Atomics.load(deadline, VALID_UNTIL) - toMicros(clock.monotonic())) / 1000,
    extendTo(confirmed) {
      const until = Atomics.load(deadline, VALID_UNTIL);
      if (until === LATCHED) return;
      // Against what the last beat said: this one may have started before the clock stood still.
      const next = isPast(until) || hasStoodStill() ? LATCHED : toMicros(confirmed.until);
      Atomics.store(deadline, WALL_LEAD, toMicros(confirmed.wallLead));
      Atomics.compareExchange(deadline, VALID_UNTIL, until, next);
    },
    latch: () => {
      Atomics.store(deadline, VALID_UNTIL, LATCHED);
    },
    reopen: (confirmed, toleratedLeadMs) => {
      Atomics.add(cells, GENERATION, 1);
      Atomics.store(cells, TOLERATED_LEAD, toleratedLeadMs);
      Atomics.store(deadline, WALL_LEAD, toMicros(confirmed.wallLead));
      Atomics.store(deadline, VALID_UNTIL, toMicros(confirmed.until));
    },
  };
}
