// Since when each of many things has been as it is now. The time is the caller's, from the monotonic clock of this process.

export interface Unchanged {
  /** When `key` was first seen to be `value`, with no other value in between. */
  since(key: string, value: string, now: number): number;
  /** Forgets whatever `since` was not asked for after the sweep before. */
  sweep(): void;
  clear(): void;
}

interface Sight {
  readonly value: string;
  readonly since: number;
}

export function createUnchanged(): Unchanged {
  let before = new Map<string, Sight>();
  let seen = new Map<string, Sight>();
  return {
    since(key, value, now) {
      const known = seen.get(key) ?? before.get(key);
      const sight = known?.value === value ? known : { value, since: now };
      seen.set(key, sight);
      return sight.since;
    },
    sweep() {
      before = seen;
      seen = new Map();
    },
    clear() {
      before.clear();
      seen.clear();
    },
  };
}
