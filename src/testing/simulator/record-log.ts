// The records of one shard, oldest first, each as the JSON fragment that GetRecords sends.

export interface LogPage {
  /** The fragments, joined by commas. */
  readonly json: string;
  readonly count: number;
  readonly bytes: number;
  /** Where the next read begins. */
  readonly next: number;
}

/** Positions are counted from the first record ever put into the shard, so trimming does not move them. */
export class RecordLog {
  readonly #fragments: string[] = [];
  readonly #arrivals: number[] = [];
  readonly #sizes: number[] = [];
  /** How many records were trimmed away. */
  #trimmed = 0;

  /** The position of the oldest record that is still there. */
  get begin(): number {
    return this.#trimmed;
  }

  /** The position that the next record will get. */
  get end(): number {
    return this.#trimmed + this.#fragments.length;
  }

  /** `bytes` counts data and partition key. */
  append(fragment: string, arrivalMs: number, bytes: number): void {
    this.#fragments.push(fragment);
    this.#arrivals.push(arrivalMs);
    this.#sizes.push(bytes);
  }

  /** At least one record where there is one, however large it is. */
  read(from: number, maxRecords: number, maxBytes: number): LogPage {
    const first = Math.max(from, this.#trimmed) - this.#trimmed;
    const limit = Math.min(this.#fragments.length, first + maxRecords);
    let last = first;
    let bytes = 0;
    while (last < limit) {
      const size = this.#sizes[last] ?? 0;
      if (last > first && bytes + size > maxBytes) break;
      bytes += size;
      last += 1;
    }
    return {
      json: this.#fragments.slice(first, last).join(','),
      count: Math.max(0, last - first),
      bytes,
      next: this.#trimmed + Math.max(first, last),
    };
  }

  /** When the record at that position arrived; null where there is none. */
  arrivalAt(position: number): number | null {
    return this.#arrivals[position - this.#trimmed] ?? null;
  }

  /** The position of the first record that arrived at that time or later; the end where there is none. */
  positionAt(timeMs: number): number {
    let low = 0;
    let high = this.#arrivals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#arrivals[middle] ?? 0) < timeMs) low = middle + 1;
      else high = middle;
    }
    return this.#trimmed + low;
  }

  /** Forgets what arrived before that time. */
  trimBefore(timeMs: number): void {
    const oldest = this.#arrivals[0];
    if (oldest === undefined || oldest >= timeMs) return;
    this.trimTo(this.positionAt(timeMs));
  }

  /** Forgets what lies before that position; returns how many records that were. */
  trimTo(position: number): number {
    const count = Math.min(position, this.end) - this.#trimmed;
    if (count <= 0) return 0;
    this.#fragments.splice(0, count);
    this.#arrivals.splice(0, count);
    this.#sizes.splice(0, count);
    this.#trimmed += count;
    return count;
  }
}
