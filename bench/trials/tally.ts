// What the handlers of a trial have seen, in memory that main and the handler threads share.

/** Names of the cells. */
const CELLS = [
  'small',
  'large',
  'timed',
  /** Sum of the delays of timed records, ms. */
  'delayMs',
  'maxDelayMs',
  /** Longest time without a record of that kind while there were more to come, ms. */
  'smallGapMs',
  'largeGapMs',
  'smallAtMs',
  'largeAtMs',
] as const;
export type TallyCell = (typeof CELLS)[number];

export const TALLY_KEY = 'shardpool-trial-tally';
export const PACE_KEY = 'shardpool-trial-pace';

/** How a handler of a trial behaves. */
export interface Pace {
  /** Of one handler thread; Infinity for as fast as they come. */
  readonly bytesPerSecond: number;
  /** Nothing is handled before; ms after the first batch. */
  readonly pauseMs: number;
}

export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Float64Array;

  constructor(memory = new SharedArrayBuffer(CELLS.length * Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new Float64Array(memory);
  }

  get(cell: TallyCell): number {
    return this.#cells[CELLS.indexOf(cell)]!;
  }

  /** Handler threads may lose each other's counts, by a little; only `count` has to be right. */
  raise(cell: TallyCell, value: number): void {
    const index = CELLS.indexOf(cell);
    this.#cells[index] = Math.max(this.#cells[index]!, value);
  }

  add(cell: TallyCell, value: number): void {
    this.#cells[CELLS.indexOf(cell)]! += value;
  }
}
