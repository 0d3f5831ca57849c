// Credentials for all threads: asked of main, where the user's provider runs, and kept until shortly before they end.

import { ShardpoolError } from '../model/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, settledWithin, type Timers } from '../platform/timers.ts';
import type { PlainCredentials } from '../protocol.ts';

export interface CredentialsCache {
  /** `renew`: those in hand were refused. Rejects with a retryable ERR_CREDENTIALS where main does not answer in time. */
  get(renew?: boolean): Promise<PlainCredentials>;
}

const REFRESH_BEFORE_MS = 5 * 60_000;
/** Main may be blocked in a handler: what is still valid is used meanwhile. */
const PATIENCE_MS = 1_000;
/** Between two questions of which the first failed, or was to renew: hundreds of shards come with the same trouble. */
const PAUSE_MS = 500;

export function createCredentialsCache(
  ask: (renew: boolean) => Promise<PlainCredentials>,
  clock: Clock,
  timers: Timers,
  timeoutMs: number,
): CredentialsCache {
  let cached: PlainCredentials | null = null;
  /** The question that `cached` answers: a late answer to an older one must not bring back what was refused. */
  let cachedFrom = 0;
  let questions = 0;
  let asking: Promise<PlainCredentials> | null = null;
  let renewing: Promise<PlainCredentials> | null = null;
  let failure: { readonly error: unknown; readonly until: number } | null = null;
  let renewed: { readonly credentials: PlainCredentials; readonly until: number } | null = null;

  const question = async (renew: boolean): Promise<PlainCredentials> => {
    questions += 1;
    const number = questions;
    const answer = ask(renew).then((credentials) => {
      // Also an answer that comes after the time limit is of use to the next one that asks.
      if (number > cachedFrom) {
        cached = credentials;
        cachedFrom = number;
        failure = null;
      }
      return credentials;
    });
    if (await settledWithin(timers, answer, timeoutMs)) return answer;
    throw new ShardpoolError(
      'ERR_CREDENTIALS',
      `The main thread gave no credentials within ${timeoutMs} ms: the \`credentials\` function does not settle, or a ` +
        'handler blocks the main thread. They are asked for again.',
      { retryable: true },
    );
  };

  const refresh = (renew: boolean): Promise<PlainCredentials> => {
    if (failure !== null && clock.monotonic() < failure.until) return Promise.reject(failure.error);
    asking ??= question(renew)
      .catch((error: unknown) => {
        failure = { error, until: clock.monotonic() + PAUSE_MS };
        throw error;
      })
      .finally(() => (asking = null));
    return asking;
  };

  const renewal = async (): Promise<PlainCredentials> => {
    // After a question that is under way: its answer may be the very credentials that were refused.
    await asking?.catch(() => undefined);
    const credentials = await refresh(true);
    renewed = { credentials, until: clock.monotonic() + PAUSE_MS };
    return credentials;
  };

  return {
    async get(renew = false) {
      if (renew) {
        if (renewed !== null && clock.monotonic() < renewed.until) return renewed.credentials;
        renewing ??= renewal().finally(() => (renewing = null));
        return renewing;
      }
      const leftMs = cached === null ? 0 : cached.expiration - clock.now();
      if (cached === null || leftMs <= 0) return refresh(false);
      if (leftMs > REFRESH_BEFORE_MS) return cached;
      const old = cached;
      const given = new AbortController();
      try {
        return await Promise.race([
          refresh(false).catch(() => old),
          delay(timers, PATIENCE_MS, given.signal).then(() => old),
        ]);
      } finally {
        given.abort();
      }
    },
  };
}
