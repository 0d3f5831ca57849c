// Where a reader stands in its shard, and whether what comes next is what must come next. Pure.
//
// Reading goes on at the record of the position itself, which is dropped: that it comes again proves that retention has
// taken nothing behind it.

import type { Page } from '../kinesis/api.ts';
import type { KinesisError } from '../kinesis/errors.ts';
import {
  decodePosition,
  isBefore,
  type Position,
  sequencePosition,
  TRIM_HORIZON,
} from '../model/position.ts';
import type { ShardLoss } from '../model/shard.ts';

/** A position that GetShardIterator refuses: a clock that runs ahead of AWS, or a stream that was created again. */
const REFUSALS = 5;

export class ReadPosition {
  #current: Position;
  /** The record that must come first, because the iterator was made at it; null once it did. */
  #awaited: Position | null = null;
  /** Why AWS accepts no iterator at the position, where it does not: then reading goes on at the oldest record. */
  #refused: KinesisError | null = null;

  constructor(from: Position) {
    this.#current = from;
  }

  /** Everything up to and including this was passed on. */
  get current(): Position {
    return this.#current;
  }

  /** Where the next iterator is to be made. */
  get iteratorAt(): Position {
    return this.#refused === null ? this.#current : TRIM_HORIZON;
  }

  iteratorMade(): void {
    this.#awaited = decodePosition(this.#current).type === 'SEQUENCE' ? this.#current : null;
  }

  moveTo(position: Position): void {
    if (isBefore(this.#current, position)) this.#current = position;
  }

  /**
   * What is missing between the position and the first record that is there; null when nothing is, or nobody can tell yet.
   * Throws the refusal of a position that is not one of this shard.
   */
  lossBefore(page: Pick<Page, 'count' | 'lagMs' | 'nextIterator' | 'sequenceNumbers'>): ShardLoss | null {
    const awaited = this.#awaited;
    if (awaited === null) return null;
    const isEmpty = page.count === 0;
    // An empty page that is behind only skips a stretch without records.
    if (isEmpty && page.lagMs > 0 && page.nextIterator !== null) return null;
    this.#awaited = null;
    const before = isEmpty ? null : sequencePosition(page.sequenceNumbers[0]!, 0);
    if (before !== null && !isBefore(awaited, before)) {
      // There are older records than that of a position which AWS does not accept.
      if (this.#refused !== null) throw this.#refused;
      return null;
    }
    this.#refused = null;
    return { kind: 'trimmed', after: this.#current, before };
  }

  /** The position was refused for the nth time: true where trying again, or at the oldest record, makes sense. */
  refuse(error: KinesisError, n: number): boolean {
    if (this.#refused !== null) return false;
    if (n < REFUSALS) return true;
    if (decodePosition(this.#current).type !== 'SEQUENCE') return false;
    this.#refused = error;
    return true;
  }
}
