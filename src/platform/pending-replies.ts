// Questions that were asked over a port and wait for the answer with their id.

import { decodeError, type EncodedError } from '../model/errors.ts';
import { type Deferred, deferred } from './deferred.ts';

export interface PendingReplies<T> {
  /** Sends a question and resolves with its answer. */
  ask(send: (id: number) => void): Promise<T>;
  /** One of `value` and `error` is null. An answer to a question that nobody asked is ignored. */
  settle(id: number, value: T | null, error: EncodedError | null): void;
  /** The other side is gone: nothing that waits for it may wait for ever. */
  rejectAll(cause: Error): void;
}

export function pendingReplies<T>(): PendingReplies<T> {
  const waiting = new Map<number, Deferred<T>>();
  let lastId = 0;
  let gone: Error | null = null;
  return {
    ask(send) {
      if (gone !== null) return Promise.reject(gone);
      lastId += 1;
      const reply = deferred<T>();
      waiting.set(lastId, reply);
      send(lastId);
      return reply.promise;
    },
    settle(id, value, error) {
      const reply = waiting.get(id);
      waiting.delete(id);
      if (error !== null) reply?.reject(decodeError(error));
      else reply?.resolve(value as T);
    },
    rejectAll(cause) {
      gone = cause;
      for (const reply of waiting.values()) reply.reject(cause);
      waiting.clear();
    },
  };
}
