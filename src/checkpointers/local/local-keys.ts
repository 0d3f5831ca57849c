// Keys of the local store: JSON arrays as text. No array is the beginning of another one, so two scopes never meet, whatever
// their names contain, and what is stored can be read.

import { LeaseStoreError, type LeaseStoreScope } from '../../model/lease-store.ts';

export type RowKind = 'app' | 'session' | 'shard';
/** Of the scope, not of a row: its version grows with every write to the scope. */
type Head = 'head';

/** Of one page of 4 KiB; lmdb refuses a longer one. */
const LONGEST_KEY_BYTES = 1_978;

/** Says which layout all other keys and rows have. No scope has one element only. */
export const FORMAT_KEY = Buffer.from(JSON.stringify(['shardpool']));

export interface LocalKeys {
  /** Throws where the names are too long to be stored. */
  of(kind: RowKind | Head, id?: string): Buffer;
  /** From the first key of that kind to before the first one behind them. */
  range(kind: 'session' | 'shard'): { readonly start: Buffer; readonly end: Buffer };
}

export function localKeys({ application, stream }: LeaseStoreScope): LocalKeys {
  return {
    of(kind, id) {
      const key = Buffer.from(
        JSON.stringify(id === undefined ? [application, stream, kind] : [application, stream, kind, id]),
      );
      if (key.length > LONGEST_KEY_BYTES) {
        throw new LeaseStoreError(
          'not-applied',
          `The names of the application, the stream and the ${kind} are too long together for the local store: ` +
            `the key has ${key.length} bytes, at most ${LONGEST_KEY_BYTES} fit`,
        );
      }
      return key;
    },
    range(kind) {
      const prefix = JSON.stringify([application, stream, kind]).slice(0, -1);
      // A comma goes on, and the character behind it ends the range.
      return { start: Buffer.from(`${prefix},`), end: Buffer.from(`${prefix}-`) };
    },
  };
}
