// Keeps credentials until they near their end, and over a short failure of their source.

import type { Credentials, CredentialsSource } from './api.ts';

export interface CredentialCache {
  /** Rejects with what the source rejects with, unless the credentials at hand still hold. */
  get(): Promise<Credentials>;
  /**
   * AWS refused the credentials of a call, which `get` had given: the next `get` has the source renew them, unless another
   * call has brought that about meanwhile.
   */
  refuse(used: Credentials | null): void;
}

/** How long before their end new ones are asked for. */
const RENEWAL_WINDOW_MS = 5 * 60_000;
/** Also those that have ended are tried for so long, instead of asking at every call: only AWS knows the time for sure. */
const MIN_HOLD_MS = 1_000;

export function createCredentialCache(source: CredentialsSource, now: () => number): CredentialCache {
  let held: Credentials | null = null;
  let renewAt = 0;
  let refused = false;
  let loading: Promise<Credentials> | null = null;

  // With little time left, half of it: a source of short-lived credentials is not asked at every call.
  const plan = (expiration: number) => {
    const left = expiration - now();
    renewAt = now() + Math.max(left - RENEWAL_WINDOW_MS, left / 2, MIN_HOLD_MS);
  };

  const load = async (): Promise<Credentials> => {
    const renew = refused;
    try {
      held = await source(renew);
      if (renew) refused = false;
    } catch (error) {
      if (held === null || refused || held.expiration <= now()) throw error;
    }
    plan(held.expiration);
    return held;
  };

  return {
    async get() {
      if (held !== null && !refused && now() < renewAt) return held;
      // One question for all that wait: many shards share one cache.
      loading ??= load().finally(() => {
        loading = null;
      });
      return loading;
    },
    refuse(used) {
      if (used === held) refused = true;
    },
  };
}
