// Knows when everything that was put before a flush is settled, at constant cost for each record.

import { type Deferred, deferred } from '../platform/deferred.ts';
import { Fifo } from './fifo.ts';

/** The records between two flushes. */
export interface FlushGroup {
  outstanding: number;
  /** The first failure among them. */
  error: Error | null;
  /** Set by the flush that closed the group. */
  flushed: Deferred<void> | null;
}

export interface FlushGroups {
  /** Counts a record into the group that the next flush waits for. */
  join(): FlushGroup;
  /** `error` is null for an acknowledged record. */
  settle(group: FlushGroup, error: Error | null): void;
  /** Resolves when every record that joined before it is settled; rejects with the first failure since the last flush. */
  flush(): Promise<void>;
}

export function createFlushGroups(): FlushGroups {
  let current: FlushGroup = { outstanding: 0, error: null, flushed: null };
  const closed = new Fifo<FlushGroup>();

  // In order: a flush also waits for what earlier flushes wait for.
  const resolveHeads = (): void => {
    for (let head = closed.peek(); head !== undefined && head.outstanding === 0; head = closed.peek()) {
      closed.shift();
      if (head.error === null) head.flushed?.resolve();
      else head.flushed?.reject(head.error);
    }
  };

  return {
    join() {
      current.outstanding += 1;
      return current;
    },
    settle(group, error) {
      group.outstanding -= 1;
      group.error ??= error;
      resolveHeads();
    },
    flush() {
      const flushed = deferred();
      current.flushed = flushed;
      closed.push(current);
      current = { outstanding: 0, error: null, flushed: null };
      resolveHeads();
      return flushed.promise;
    },
  };
}
