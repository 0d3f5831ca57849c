// The rows of the memory checkpointer, kept in main as well: they outlive the coordinator's thread.

import type { AppRow, ShardRow } from '../model/lease-store.ts';
import type { Remembered } from '../protocol.ts';

export interface RememberedRows {
  add(change: Remembered): void;
  /** Everything that was added, the latest of each row. */
  all(): Remembered;
}

export function rememberedRows(): RememberedRows {
  const shards = new Map<string, ShardRow>();
  let app: AppRow | null = null;
  return {
    add(change) {
      app = change.app ?? app;
      for (const row of change.shards) shards.set(row.shardId, row);
    },
    all: () => ({ app, shards: [...shards.values()] }),
  };
}

/** Collects the changes of one turn of the event loop and passes them on together. */
export function collected(post: (change: Remembered) => void): (change: Remembered) => void {
  let rows: RememberedRows | null = null;
  return (change) => {
    if (rows === null) {
      rows = rememberedRows();
      setImmediate(() => {
        const all = rows!.all();
        rows = null;
        post(all);
      });
    }
    rows.add(change);
  };
}
