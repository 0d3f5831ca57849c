// Tells a thread that stands still from one that moves, by a counter that only moves while the thread does.

export interface HangWatch {
  /**
   * One look at the counter of each thread. Returns those whose counter has not moved over as many looks in a row as were asked for,
   * once each.
   */
  look(counters: Iterable<readonly [thread: number, counter: number]>): number[];
}

interface Seen {
  readonly counter: number;
  readonly looks: number;
}

/**
 * `looks` is counted, and not time: of a process that was stopped as a whole the watcher looks once after it wakes up, and the
 * threads that it watches have had as little time as it has.
 */
export function hangWatch(looks: number): HangWatch {
  let seen = new Map<number, Seen>();
  return {
    look(counters) {
      const hung: number[] = [];
      const now = new Map<number, Seen>();
      for (const [thread, counter] of counters) {
        const before = seen.get(thread);
        const still = before?.counter === counter ? before.looks + 1 : 0;
        now.set(thread, { counter, looks: still });
        if (still === looks) hung.push(thread);
      }
      seen = now;
      return hung;
    },
  };
}
