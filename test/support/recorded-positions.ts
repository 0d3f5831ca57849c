// Checkpoints that outlive a consumer, in a file that the test can look into.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FullRead } from '../../src/model/lease-store.ts';
import { type DecodedPosition, decodePosition } from '../../src/model/position.ts';

export class RecordedPositions implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'shardpool-test-'));
  readonly #file = join(this.#folder, 'rows.json');

  /** For the option `checkpointer`. */
  get checkpointer() {
    const module = new URL('../integration/checkpointers/recorded.js', import.meta.url);
    return { module, options: { file: this.#file } };
  }

  rows(): { shardId: string; owner: string | null; position: DecodedPosition }[] {
    const { shards } = JSON.parse(readFileSync(this.#file, 'utf8')) as FullRead;
    return shards.map(({ shardId, owner, position }) => ({
      shardId,
      owner,
      position: decodePosition(position),
    }));
  }

  of(shardId: string): DecodedPosition | undefined {
    return this.rows().find((row) => row.shardId === shardId)?.position;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
