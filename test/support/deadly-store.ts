// The test's end of the checkpointer that ends the coordinator's thread.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WAYS_TO_DIE, type WayToDie } from './ways-to-die.ts';

export interface DeadlyStore {
  readonly file: string;
  /** Int32: which way to die with the next tick, from 1 up; how many times it has. */
  readonly way: SharedArrayBuffer;
}

export class DeadlyCheckpointer implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'shardpool-test-'));
  readonly #way = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  readonly #cell = new Int32Array(this.#way);

  /** For the option `checkpointer`. */
  get checkpointer() {
    const module = new URL('../integration/checkpointers/mortal.js', import.meta.url);
    const options: DeadlyStore = { file: join(this.#folder, 'rows.json'), way: this.#way };
    return { module, options: { ...options } };
  }

  kill(way: (typeof WAYS_TO_DIE)[number] & WayToDie): void {
    Atomics.store(this.#cell, 0, WAYS_TO_DIE.indexOf(way) + 1);
  }

  get killed(): number {
    return Atomics.load(this.#cell, 1);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
