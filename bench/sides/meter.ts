// Counts the records that a side's handler sees, proves that they were the right ones, and marks the measured stretch.

import type { Plan } from '../scenario.ts';

/** `begin` and `end` enclose the measured stretch; `finished` comes when the whole stream was read. */
export type MarkName = 'begin' | 'end' | 'finished';

export interface Mark {
  readonly name: MarkName;
  /** User records so far. */
  readonly records: number;
  readonly checksum: number;
}

/** Where the numbers of the canned simulator differ: shard, page and place in the page. */
const DIGITS_START = 18;
const DIGITS_END = 39;

export class Meter {
  readonly #plan: Plan;
  readonly #onMark: (mark: Mark) => void;
  #records = 0;
  #checksum = 0;
  #next: MarkName | null = 'begin';
  #begunAt = 0;

  constructor(plan: Plan, onMark: (mark: Mark) => void) {
    this.#plan = plan;
    this.#onMark = onMark;
  }

  /** The work of the handler, the same on every side. The order of records does not change the sum. */
  add(value: unknown, partitionKey: string, sequenceNumber: string, subSequenceNumber: number): void {
    let hash = subSequenceNumber + 1;
    for (let i = DIGITS_START; i < DIGITS_END; i += 1) {
      hash = (Math.imul(hash, 31) + sequenceNumber.charCodeAt(i)) | 0;
    }
    hash = Math.imul(hash, 31) + partitionKey.length + partitionKey.charCodeAt(partitionKey.length - 1);
    hash = Math.imul(hash, 31) + weight(value);
    this.#checksum = (this.#checksum + hash) >>> 0;
    this.#records += 1;
  }

  /** After each page or batch: marks are set between them, never inside. */
  lookForMark(): void {
    while (this.#next !== null && this.#records >= this.#due(this.#next)) {
      const name = this.#next;
      if (name === 'begin') this.#begunAt = this.#records;
      this.#next = name === 'begin' ? 'end' : name === 'end' ? 'finished' : null;
      this.#onMark({ name, records: this.#records, checksum: this.#checksum });
    }
  }

  #due(mark: MarkName): number {
    const { warmUp, measured, total } = this.#plan;
    switch (mark) {
      case 'begin':
        return warmUp;
      case 'end':
        // From where it really began, which is at the end of a page: it is never shorter than asked for.
        return this.#begunAt + measured;
      case 'finished':
        return total;
      default:
        throw mark satisfies never;
    }
  }
}

/** Reads the value, so that nobody gets away without having decoded it. */
function weight(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return (value as { readonly pad: string }).pad.length;
}
