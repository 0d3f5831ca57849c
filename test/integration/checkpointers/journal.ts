// A lease store that outlives its process: a memory store whose writes are in a file, and are made again when it opens.

import { appendFileSync } from 'node:fs';
import { createMemoryLeaseStore } from '../../../src/checkpointers/memory-lease-store.ts';
import type { LeaseStore, WriteResult } from '../../../src/model/lease-store.ts';
import { JOURNALED, type JournalEntry, readJournal } from '../../support/lease-journal.ts';

type Write = (argument: unknown) => Promise<WriteResult<unknown>>;

/** One after the other: while one of them uses the file, no other may. */
export function createLeaseStore({ file }: { readonly file: string }): LeaseStore {
  const store = createMemoryLeaseStore();
  const write = (method: JournalEntry['method']): Write => store[method] as Write;
  const journaled = JOURNALED.map((method) => [
    method,
    async (argument: unknown) => {
      const result = await write(method)(argument);
      // Before the answer, so that whoever kills the process loses no write that it was told of.
      if (result.applied) appendFileSync(file, `${JSON.stringify({ method, argument })}\n`);
      return result;
    },
  ]);
  return {
    ...store,
    ...(Object.fromEntries(journaled) as Pick<LeaseStore, JournalEntry['method']>),
    async open() {
      await store.open();
      for (const { method, argument } of readJournal(file)) await write(method)(argument);
    },
  };
}
