// Waits for conditions, under a deadline that says what was waited for.

import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;

/** Resolves with the first value of `condition` that is neither false, null nor undefined. */
export async function until<T>(
  what: string,
  withinMs: number,
  condition: () => T | Promise<T>,
): Promise<Exclude<Awaited<T>, false | null | undefined>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<Awaited<T>, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain until ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The promise, or an error that says what did not happen in time. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).then(
    () => {
      throw new Error(`${what} did not happen within ${ms} ms`);
    },
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

/** What the promise rejects with; an error when it resolves or takes too long. */
export async function rejection(what: string, ms: number, promise: Promise<unknown>): Promise<Error> {
  const outcome = await within(
    what,
    ms,
    promise.then(
      () => null,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    ),
  );
  if (outcome === null) throw new Error(`${what}: expected a rejection`);
  return outcome;
}
