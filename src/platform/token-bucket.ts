// A token bucket on a monotonic clock; it may be overdrawn and then pays back.

export interface TokenBucket {
  /** Ms until `amount` could be taken; 0 = now. */
  waitMs(amount: number, now: number): number;
  /** Takes without asking; the level may go below zero, which is how a reply larger than expected is paid for. */
  take(amount: number, now: number): void;
}

export function tokenBucket(perSecond: number, capacity: number, now: number): TokenBucket {
  let level = capacity;
  let last = now;
  const refill = (at: number) => {
    if (at <= last) return;
    level = Math.min(capacity, level + ((at - last) / 1000) * perSecond);
    last = at;
  };
  return {
    waitMs(amount, at) {
      refill(at);
      const missing = Math.min(amount, capacity) - level;
      return missing <= 0 ? 0 : (missing / perSecond) * 1000;
    },
    take(amount, at) {
      refill(at);
      level -= amount;
    },
  };
}
