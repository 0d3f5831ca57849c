// The fence: until when this process may act on its leases, in memory that all its threads see.
//
// The coordinator moves it forward only after a beat succeeded, and counts from the start of that beat. Whoever is
// about to hand a batch to a handler, to ack or to write compares then and there: a message or a timer would come too
// late in a process that was paused.

const FENCED = -1n;
const VALID_UNTIL = 0;

export interface Fence {
  /** True while the leases of this process may be acted on. */
  isValid(): boolean;
  /** Ms left; negative when it passed. */
  remainingMs(): number;
  /** Moves the deadline forward, in ms of the monotonic clock. A latched fence stays shut: use `reopen`. */
  extendTo(monotonicMs: number): void;
  /** Shuts it for good, whatever beats succeed later, until a new session reopens it. */
  latch(): void;
  reopen(monotonicMs: number): void;
}

export const FENCE_BYTES = 8;

export function fenceOn(memory: SharedArrayBuffer, monotonic: () => number): Fence {
  const cell = new BigInt64Array(memory, 0, 1);
  const toMicros = (ms: number) => BigInt(Math.floor(ms * 1000));
  return {
    isValid: () => Atomics.load(cell, VALID_UNTIL) > toMicros(monotonic()),
    remainingMs: () => Number(Atomics.load(cell, VALID_UNTIL) - toMicros(monotonic())) / 1000,
    extendTo(monotonicMs) {
      if (Atomics.load(cell, VALID_UNTIL) !== FENCED) Atomics.store(cell, VALID_UNTIL, toMicros(monotonicMs));
    },
    latch: () => {
      Atomics.store(cell, VALID_UNTIL, FENCED);
    },
    reopen: (monotonicMs) => {
      Atomics.store(cell, VALID_UNTIL, toMicros(monotonicMs));
    },
  };
}
