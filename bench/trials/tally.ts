// What the handlers of a trial have seen, in memory that main and the handler threads share.

const CELLS = [
  'small',
  'large',
  'timed',
  /** Sum and largest of the delays of timed records, ms. */
  'delayMs',
  'maxDelayMs',
  /** When a record of that kind last came, ms from the start; and the longest time without one before that. */
  'smallAtMs',
  'largeAtMs',
  'smallGapMs',
  'largeGapMs',
] as const;
export type TallyCell = (typeof CELLS)[number];

export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory = new SharedArrayBuffer(CELLS.length * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get(cell: TallyCell): number {
    return Atomics.load(this.#cells, CELLS.indexOf(cell));
  }

  add(cell: TallyCell, value: number): void {
    Atomics.add(this.#cells, CELLS.indexOf(cell), value);
  }

  /** To that value, if it is larger; returns what was there. */
  raise(cell: TallyCell, value: number): number {
    const index = CELLS.indexOf(cell);
    for (;;) {
      const before = Atomics.load(this.#cells, index);
      if (before >= value || Atomics.compareExchange(this.#cells, index, before, value) === before)
        return before;
    }
  }

  seen(kind: 'small' | 'large', count: number, nowMs: number): void {
    this.add(kind, count);
    this.raise(`${kind}GapMs`, nowMs - this.raise(`${kind}AtMs`, nowMs));
  }
}
