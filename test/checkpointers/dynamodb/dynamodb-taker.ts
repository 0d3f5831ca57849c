// A process that takes what it can get, says what it got, closes its store and has nothing left to do.

import type { LeaseStoreScope } from '../../../src/model/lease-store.ts';
import { storeAt } from './dynamodb-stores.ts';
import { APP } from './dynamodb-writes.ts';

export interface TakerInput {
  readonly server: Parameters<typeof storeAt>[0];
  readonly scope: LeaseStoreScope;
  readonly table: string;
  readonly me: string;
  readonly shards: readonly string[];
}

if (process.argv[2] !== undefined) {
  const { server, scope, table, me, shards } = JSON.parse(process.argv[2]) as TakerInput;
  const store = storeAt(server, scope, { table });
  await store.open();
  await store.createApp(APP);
  const taken = await Promise.all(
    shards.map(async (shardId) => {
      await store.createShard({ shardId, startsAt: '1', parents: [], position: APP.start });
      const seen = { seenOwner: null, seenToken: 0 };
      const { applied, row } = await store.take({ shardId, ...seen, me, token: 1, salvage: null });
      return { shardId, applied, owner: row?.owner };
    }),
  );
  await store.close();
  process.stdout.write(JSON.stringify(taken));
}
