// A transaction that is drawn up: what it changes, over what could be seen when it was begun.

import { LeaseStoreError } from '../../model/lease-store.ts';
import type { Rows } from './environment.ts';

export interface RowView {
  get(key: Buffer): string | undefined;
}

export interface Draft extends RowView {
  put(key: Buffer, text: string): void;
  remove(key: Buffer): void;
}

export interface DrawnDraft extends Draft {
  /** Of the scope's head when the draft was begun; any write of the scope moves it on. */
  readonly seenVersion: number;
  readonly changes: ReadonlyMap<string, { readonly key: Buffer; readonly text: string | null }>;
}

/** To be filled in one go: what it reads is one snapshot as long as nobody gives way. */
export function drawDraft(rows: Rows, headKey: Buffer): DrawnDraft {
  rows.resetReadTxn();
  const seenVersion = rows.getEntry(headKey)?.version;
  if (seenVersion === undefined) {
    throw new LeaseStoreError('not-applied', `The local store has lost its entry ${headKey.toString()}`);
  }
  const changes = new Map<string, { key: Buffer; text: string | null }>();
  const change = (key: Buffer, text: string | null): void =>
    void changes.set(key.toString('latin1'), { key, text });
  return {
    seenVersion,
    changes,
    get(key) {
      const changed = changes.get(key.toString('latin1'));
      return changed === undefined ? rows.get(key) : (changed.text ?? undefined);
    },
    put: change,
    remove: (key) => change(key, null),
  };
}

/** False, and nothing of it is there, where somebody wrote to the scope since the draft was begun. */
export async function commitDraft(
  rows: Rows,
  headKey: Buffer,
  { seenVersion, changes }: DrawnDraft,
): Promise<boolean> {
  // What was only refused is as true as the snapshot, which is younger than the call.
  if (changes.size === 0) return true;
  return rows.ifVersion(headKey, seenVersion, () => {
    // Their promises say what that of the whole says.
    void rows.put(headKey, '', seenVersion + 1);
    for (const { key, text } of changes.values()) {
      if (text === null) void rows.remove(key);
      else void rows.put(key, text, 0);
    }
  });
}

/** Creates the head, unless it is there. */
export async function ensureHead(rows: Rows, headKey: Buffer): Promise<void> {
  if (rows.get(headKey) !== undefined) return;
  await rows.ifNoExists(headKey, () => void rows.put(headKey, '', 1));
}
