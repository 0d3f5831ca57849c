// The one clock of the simulator. Iterator expiry, retention, rates and time stamps all read it, so moving it moves them all.

export interface Clock {
  /** Milliseconds since the epoch, with a fraction. Never goes back. */
  now(): number;
}

export class MovableClock implements Clock {
  #offsetMs = 0;
  readonly #monotonicNow: () => number;

  /** `monotonicNow` gives ms since the epoch that never go back; by default the start of the process plus its run time. */
  constructor(monotonicNow: () => number = () => performance.timeOrigin + performance.now()) {
    this.#monotonicNow = monotonicNow;
  }

  now(): number {
    return this.#monotonicNow() + this.#offsetMs;
  }

  /** Moves the clock ahead for good. */
  advance(ms: number): void {
    this.#offsetMs += Math.max(0, ms);
  }
}
