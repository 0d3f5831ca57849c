// What opening the store takes besides the table: names that a key can hold, credentials, and a little patience.

import { ShardpoolError } from '../../model/errors.ts';
import type { LeaseStoreScope } from '../../model/lease-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { delay, type Timers } from '../../platform/timers.ts';

/** Of AWS, in bytes of UTF-8. */
const LONGEST_PARTITION_KEY = 2_048;
/** From the environment to the first keys: a profile may ask another program or another service. */
const CREDENTIALS_WITHIN_MS = 30_000;
const PATIENCE_MS = 1_000;
const RETRY_MS = 250;

export interface OpeningParts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
  readonly closing: AbortSignal;
}

/** A start should not fail for one lost reply, nor go on for long where nobody answers. */
export async function patiently(
  { clock, timers, closing }: OpeningParts,
  attempt: () => Promise<void>,
): Promise<void> {
  const deadline = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const mayPass = error instanceof ShardpoolError && error.retryable && !closing.aborted;
      if (!mayPass || clock.monotonic() >= deadline) throw error;
      await delay(timers, RETRY_MS, closing);
    }
  }
}

export function checkKey(pk: string, { application, stream }: LeaseStoreScope): void {
  const wrong = (what: string) =>
    new ShardpoolError(
      'ERR_INVALID_OPTION',
      `The names of application and stream cannot be a key of DynamoDB: ${what}`,
    );
  // Half of a character pair becomes the same replacement character whichever it was: two applications would share rows.
  if (/\p{Surrogate}/u.test(application + stream)) throw wrong('they are not valid Unicode');
  const length = Buffer.byteLength(pk);
  if (length > LONGEST_PARTITION_KEY)
    throw wrong(`together they have ${length} bytes, and ${LONGEST_PARTITION_KEY} is the most`);
}

/** Apart from the first call and its limit. */
export async function keysInTime(load: () => Promise<unknown>, timers: Timers): Promise<void> {
  const over = new AbortController();
  const late = delay(timers, CREDENTIALS_WITHIN_MS, over.signal).then(() => {
    if (over.signal.aborted) return;
    const message = `The AWS environment gave no credentials within ${CREDENTIALS_WITHIN_MS} ms`;
    throw new ShardpoolError('ERR_CREDENTIALS', message, { retryable: true });
  });
  try {
    await Promise.race([load(), late]);
  } finally {
    over.abort();
  }
}
