// The handler calls of one thread that go on, by shard: also those that nobody waits for any more, because the coordinator
// that gave them out is gone. The next call for the shard comes after them.

export interface CallsInHand {
  /** Waits until no call for the shard goes on, then counts one. Returns what ends it. */
  enter(shardId: string): Promise<() => void>;
}

export function callsInHand(): CallsInHand {
  const calls = new Map<string, Promise<void>>();
  return {
    async enter(shardId) {
      for (let going = calls.get(shardId); going !== undefined; going = calls.get(shardId)) await going;
      let leave = () => {};
      const call = new Promise<void>((resolve) => {
        leave = () => {
          calls.delete(shardId);
          resolve();
        };
      });
      calls.set(shardId, call);
      return leave;
    },
  };
}
