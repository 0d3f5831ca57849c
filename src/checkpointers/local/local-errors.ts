// What lmdb throws, as errors of the lease store.

import { LeaseStoreError } from '../../model/lease-store.ts';

/** With these a transaction ends before the page that makes it valid was touched: nothing of it is there. */
const CERTAINLY_NOT_APPLIED = [
  /MDB_MAP_FULL/,
  /MDB_TXN_FULL/,
  /MDB_BAD_TXN/,
  /No space left/i,
  /quota/i,
  /File too large/i,
  /Invalid argument/i,
];

export function readError(file: string, cause: unknown): LeaseStoreError {
  return cause instanceof LeaseStoreError
    ? cause
    : new LeaseStoreError('not-applied', `${file} could not be read: ${messageOf(cause)}`, {
        cause,
        retryable: true,
      });
}

/** Of a transaction that failed as a whole. */
export function writeError(file: string, cause: unknown): LeaseStoreError {
  if (cause instanceof LeaseStoreError) return cause;
  const message = messageOf(cause);
  const isCertain = CERTAINLY_NOT_APPLIED.some((pattern) => pattern.test(message));
  return new LeaseStoreError(
    isCertain ? 'not-applied' : 'unknown',
    `${file} could not be written: ${message}`,
    {
      cause,
      retryable: true,
    },
  );
}

/** lmdb-js rejects with an error that names none, and says the reason by another promise. */
export async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> };
  if (commitError === undefined) return error;
  return commitError.then(
    () => error,
    (reason: unknown) => reason,
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
