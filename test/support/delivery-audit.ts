// What was written against what was delivered: nothing missing, nothing twice, each key in order.

import { AssertionError } from 'chai';

/** One delivered user record: its key, its number within the key, and its id. */
export type DeliveredRow = readonly [key: string, n: number, id: string];

const SHOWN = 5;

/** Numbers of a key are written 0, 1, 2, ... */
export class DeliveryAudit {
  readonly #written = new Map<string, number>();
  readonly #delivered = new Map<string, number[]>();
  readonly #ids = new Set<string>();
  #writtenCount = 0;
  #deliveredCount = 0;

  /** The next number of that key. */
  write(key: string): number {
    const n = this.#written.get(key) ?? 0;
    this.#written.set(key, n + 1);
    this.#writtenCount += 1;
    return n;
  }

  deliver(rows: Iterable<DeliveredRow>): void {
    for (const [key, n, id] of rows) {
      const numbers = this.#delivered.get(key);
      if (numbers === undefined) this.#delivered.set(key, [n]);
      else numbers.push(n);
      this.#ids.add(id);
      this.#deliveredCount += 1;
    }
  }

  get written(): number {
    return this.#writtenCount;
  }

  /** Deliveries, each repetition counted. */
  get delivered(): number {
    return this.#deliveredCount;
  }

  /** Different records delivered. */
  get distinct(): number {
    return this.#ids.size;
  }

  get isComplete(): boolean {
    return this.#writtenCount > 0 && this.distinct >= this.#writtenCount;
  }

  /** Fails with what is missing, delivered twice, out of order, or was never written. */
  expectExactlyOnceInOrder(): void {
    this.#expect({ mayRepeat: false });
  }

  /** As after a crash: repetitions are allowed, and the first deliveries of each key are in order. */
  expectAtLeastOnceInOrder(): void {
    this.#expect({ mayRepeat: true });
  }

  #expect({ mayRepeat }: { mayRepeat: boolean }): void {
    const problems: Record<string, string[]> = { missing: [], twice: [], 'out of order': [], unknown: [] };
    for (const [key, numbers] of this.#delivered) {
      const count = this.#written.get(key) ?? 0;
      const seen = new Set<number>();
      let highest = -1;
      for (const n of numbers) {
        if (n >= count) problems['unknown']!.push(`${key}/${n}`);
        if (seen.has(n)) {
          if (!mayRepeat) problems['twice']!.push(`${key}/${n}`);
          continue;
        }
        seen.add(n);
        if (n < highest) problems['out of order']!.push(`${key}/${n} after ${highest}`);
        highest = Math.max(highest, n);
      }
    }
    for (const [key, count] of this.#written) {
      const seen = new Set(this.#delivered.get(key));
      for (let n = 0; n < count; n += 1) if (!seen.has(n)) problems['missing']!.push(`${key}/${n}`);
    }
    const found = Object.entries(problems).filter(([, list]) => list.length > 0);
    if (this.#writtenCount > 0 && found.length === 0) return;
    const sentences = found.map(
      ([what, list]) =>
        `${list.length} ${what} (${list.slice(0, SHOWN).join(', ')}${list.length > SHOWN ? ', ...' : ''})`,
    );
    throw new AssertionError(
      `Of ${this.#writtenCount} records written and ${this.#deliveredCount} delivered: ${sentences.join('; ') || 'nothing to compare'}`,
    );
  }
}
