// How many calls may go on at once. The wait happens here and not for a socket of the agent, where the SDK would count it
// as time to connect.

export interface CallSlots {
  /** Resolves with how to give the slot back, in the order of the questions; never settles once `signal` is aborted. */
  take(signal: AbortSignal): Promise<() => void>;
}

export function createCallSlots(count: number): CallSlots {
  const waiting = new Set<() => void>();
  let free = count;

  const giveBack = () => {
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      const [next] = waiting;
      if (next === undefined) free += 1;
      else next();
    };
  };

  return {
    take(signal) {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(giveBack());
      }
      return new Promise((resolve) => {
        const leave = () => {
          waiting.delete(enter);
        };
        const enter = () => {
          waiting.delete(enter);
          signal.removeEventListener('abort', leave);
          resolve(giveBack());
        };
        waiting.add(enter);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
