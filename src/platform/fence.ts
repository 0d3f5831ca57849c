// The fence: until when this process may act on its leases, in memory that all its threads see.
//
// The coordinator moves it forward only after a beat succeeded, and counts from the start of that beat. Whoever is
// about to hand a batch to a handler, to ack or to write compares then and there: a message or a timer would come too
// late in a process that was paused. Each session has a generation of its own, so that what belongs to a lost
// session stays shut when the next one opens the fence again.

const LATCHED = -1n;
const VALID_UNTIL = 0;
const GENERATION = 2;

export interface Fence {
  /** True while leases that were taken in this generation may be acted on. Once false for a generation, always false. */
  isValid(generation: number): boolean;
  /** The generation of the current session; 0 before the first. */
  readonly generation: number;
  /** Ms left of the current generation; negative when it passed. */
  remainingMs(): number;
  /** Moves the deadline forward, in ms of the monotonic clock. One that has passed or is latched stays shut. */
  extendTo(monotonicMs: number): void;
  /** Shuts it for this generation, whatever beats succeed later. */
  latch(): void;
  /** Begins the next generation. */
  reopen(monotonicMs: number): void;
}

export const FENCE_BYTES = 16;

export function fenceOn(memory: SharedArrayBuffer, monotonic: () => number): Fence {
  const deadline = new BigInt64Array(memory, 0, 1);
  const cells = new Int32Array(memory);
  const toMicros = (ms: number) => BigInt(Math.floor(ms * 1000));
  return {
    isValid(generation) {
      for (;;) {
        const until = Atomics.load(deadline, VALID_UNTIL);
        // The generation is compared last: a reopening between the two looks has changed it.
        if (until > toMicros(monotonic())) return Atomics.load(cells, GENERATION) === generation;
        if (until === LATCHED) return false;
        // Whoever sees it shut latches it: an extension that is under way must not open it again behind that look.
        // One that came first is looked at instead.
        if (Atomics.compareExchange(deadline, VALID_UNTIL, until, LATCHED) === until) return false;
      }
    },
    get generation() {
      return Atomics.load(cells, GENERATION);
    },
    remainingMs: () => Number(Atomics.load(deadline, VALID_UNTIL) - toMicros(monotonic())) / 1000,
    extendTo(monotonicMs) {
      const until = Atomics.load(deadline, VALID_UNTIL);
      if (until === LATCHED) return;
      const next = until > toMicros(monotonic()) ? toMicros(monotonicMs) : LATCHED;
      Atomics.compareExchange(deadline, VALID_UNTIL, until, next);
    },
    latch: () => {
      Atomics.store(deadline, VALID_UNTIL, LATCHED);
    },
    reopen: (monotonicMs) => {
      Atomics.add(cells, GENERATION, 1);
      Atomics.store(deadline, VALID_UNTIL, toMicros(monotonicMs));
    },
  };
}
