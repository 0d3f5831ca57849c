// Credentials for all threads: asked of main, where the user's provider runs, and kept until shortly before they end.

import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { PlainCredentials } from '../protocol.ts';

export interface CredentialsCache {
  /** `renew`: those in hand were refused as too old. */
  get(renew?: boolean): Promise<PlainCredentials>;
}

const REFRESH_BEFORE_MS = 5 * 60_000;
/** Main may be blocked in a handler: what is still valid is used meanwhile. */
const PATIENCE_MS = 1_000;

export function createCredentialsCache(
  ask: (renew: boolean) => Promise<PlainCredentials>,
  clock: Clock,
  timers: Timers,
): CredentialsCache {
  let cached: PlainCredentials | null = null;
  let asking: Promise<PlainCredentials> | null = null;
  let renewing: Promise<PlainCredentials> | null = null;

  const refresh = (renew: boolean): Promise<PlainCredentials> => {
    asking ??= ask(renew)
      .then((credentials) => (cached = credentials))
      .finally(() => (asking = null));
    return asking;
  };

  return {
    async get(renew = false) {
      // After a question that is under way: its answer may be the very credentials that were refused.
      if (renew) {
        const before = asking;
        renewing ??= (
          before === null ? refresh(true) : before.catch(() => undefined).then(() => refresh(true))
        ).finally(() => (renewing = null));
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
