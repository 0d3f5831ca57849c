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
  /** Moves the deadline forward, in ms of the monotonic clock; a latched fence stays shut. */
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
    // The generation is compared last: a reopening between the two looks has changed it.
    isValid: (generation) =>
      Atomics.load(deadline, VALID_UNTIL) > toMicros(monotonic()) &&
      Atomics.load(cells, GENERATION) === generation,
    get generation() {
      return Atomics.load(cells, GENERATION);
    },
    remainingMs: () => Number(Atomics.load(deadline, VALID_UNTIL) - toMicros(monotonic())) / 1000,
    extendTo(monotonicMs) {
      if (Atomics.load(deadline, VALID_UNTIL) !== LATCHED)
        Atomics.store(deadline, VALID_UNTIL, toMicros(monotonicMs));
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
