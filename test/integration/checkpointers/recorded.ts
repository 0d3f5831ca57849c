// A memory lease store that writes its shard rows to a file and begins with what the file holds.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createMemoryLeaseStore } from '../../../src/checkpointers/memory-lease-store.ts';
import type { FullRead, LeaseStore } from '../../../src/model/lease-store.ts';

export function createLeaseStore({ file }: { readonly file: string }): LeaseStore {
  const store = createMemoryLeaseStore();
  const recorded =
    <Args extends unknown[], T>(write: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const result = await write(...args);
      // Whoever looks into it sees all of it.
      writeFileSync(`${file}.new`, JSON.stringify(await store.readAll()));
      renameSync(`${file}.new`, file);
      return result;
    };
  return {
    ...store,
    async open() {
      await store.open();
      if (!existsSync(file)) return;
      const { app, shards } = JSON.parse(readFileSync(file, 'utf8')) as FullRead;
      if (app !== null) await store.createApp(app);
      for (const { shardId, startsAt, parents, position } of shards)
        await store.createShard({ shardId, startsAt, parents, position });
    },
    createApp: recorded(store.createApp),
    createShard: recorded(store.createShard),
    replaceShard: recorded(store.replaceShard),
    deleteShard: recorded(store.deleteShard),
    take: recorded(store.take),
    checkpoint: recorded(store.checkpoint),
    release: recorded(store.release),
    finish: recorded(store.finish),
  };
}
