// So many uses in any 24 hours, such as AWS allows of UpdateShardCount.

const WINDOW_MS = 24 * 3_600_000;

export class RollingQuota {
  readonly #max: number;
  #usedMs: number[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** False, without counting it, when the last 24 hours had as many already. */
  tryUse(nowMs: number): boolean {
    this.#usedMs = this.#usedMs.filter((usedMs) => usedMs > nowMs - WINDOW_MS);
    if (this.#usedMs.length >= this.#max) return false;
    this.#usedMs.push(nowMs);
    return true;
  }
}
