// Every write of the lease store of test/integration/checkpointers/journal, in the order in which they took effect.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssertionError } from 'chai';
import type { LeaseStore, NewShard } from '../../src/model/lease-store.ts';
import { SHARD_END } from '../../src/model/position.ts';

/** The methods that write; each takes one argument. */
export const JOURNALED = [
  'createApp',
  'createSession',
  'beat',
  'end',
  'evict',
  'deleteSession',
  'createShard',
  'replaceShard',
  'take',
  'mark',
  'checkpoint',
  'release',
  'finish',
  'deleteShard',
] as const satisfies readonly (keyof LeaseStore)[];

export interface JournalEntry {
  readonly method: (typeof JOURNALED)[number];
  readonly argument: unknown;
}

export function readJournal(file: string): JournalEntry[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  // Empty, or torn by the death of its writer.
  lines.pop();
  return lines.map((line) => JSON.parse(line) as JournalEntry);
}

export class LeaseJournal implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'shardpool-test-'));
  readonly #file = join(this.#folder, 'journal.jsonl');

  constructor() {
    writeFileSync(this.#file, '');
  }

  /** For the option `checkpointer`. */
  get checkpointer() {
    const module = new URL('../integration/checkpointers/journal.js', import.meta.url).href;
    return { module, options: { file: this.#file } };
  }

  get entries(): JournalEntry[] {
    return readJournal(this.#file);
  }

  of(method: JournalEntry['method']): { readonly shardId: string; readonly token: number }[] {
    return this.entries
      .filter((entry) => entry.method === method)
      .map(({ argument }) => argument as { shardId: string; token: number });
  }

  /** What an operator does about an instance that was killed: nobody else says of its session that it is over. */
  async evictAll(): Promise<number> {
    const { createLeaseStore } = (await import(this.checkpointer.module)) as {
      createLeaseStore: (options: { file: string }) => LeaseStore;
    };
    const store = createLeaseStore({ file: this.#file });
    await store.open();
    const { sessions } = await store.readAll();
    const live = sessions.filter(({ state }) => state === 'live' || state === 'draining');
    for (const { session, beat } of live) await store.evict({ session, beat });
    await store.close();
    return live.length;
  }

  /** Fails where a shard was taken before every parent stood at SHARD_END, or with a token that was there before. */
  expectTakesAfterParents(): void {
    const parents = new Map<string, readonly string[]>();
    const done = new Set<string>();
    const tokens = new Map<string, number>();
    const problems: string[] = [];
    for (const { method, argument } of this.entries) {
      if (method === 'createShard') {
        const row = argument as NewShard;
        parents.set(row.shardId, row.parents);
        if (row.position === SHARD_END) done.add(row.shardId);
      }
      if (method === 'finish') done.add((argument as { shardId: string }).shardId);
      if (method !== 'take') continue;
      const { shardId, token } = argument as { shardId: string; token: number };
      const unfinished = (parents.get(shardId) ?? []).filter((parent) => !done.has(parent));
      if (unfinished.length > 0)
        problems.push(`${shardId} was taken before ${unfinished.join(' and ')} ended`);
      if (token <= (tokens.get(shardId) ?? 0))
        problems.push(`${shardId} was taken with token ${token} again`);
      tokens.set(shardId, token);
    }
    if (tokens.size === 0) problems.push('no shard was taken');
    if (problems.length > 0) throw new AssertionError(problems.join('; '));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
