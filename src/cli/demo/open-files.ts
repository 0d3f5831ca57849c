// Reads blocks of files with a small cache of open descriptors, the least recently used one closed first.

import { closeSync, openSync, readSync } from 'node:fs';

export class OpenFiles {
  readonly #capacity: number;
  /** In the order of use: a Map keeps the order of insertion. */
  readonly #descriptors = new Map<string, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Throws when the file is gone, or ends before the block does. */
  read(path: string, offset: number, length: number): Buffer {
    const descriptor = this.#open(path);
    const block = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const bytes = readSync(descriptor, block, filled, length - filled, offset + filled);
      if (bytes === 0) throw new Error(`the file ends at ${offset + filled}, before the block does`);
      filled += bytes;
    }
    return block;
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  #open(path: string): number {
    const known = this.#descriptors.get(path);
    if (known !== undefined) {
      this.#descriptors.delete(path);
      this.#descriptors.set(path, known);
      return known;
    }
    const descriptor = openSync(path, 'r');
    this.#descriptors.set(path, descriptor);
    if (this.#descriptors.size > this.#capacity) {
      const [oldest, its] = this.#descriptors.entries().next().value!;
      this.#descriptors.delete(oldest);
      closeSync(its);
    }
    return descriptor;
  }
}
