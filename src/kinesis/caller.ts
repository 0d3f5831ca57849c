// Runs calls to Kinesis: ends them on a signal or on close, renews expired credentials once, classifies every failure.

import { abortable } from './abortable.ts';
import type { CredentialCache } from './credential-cache.ts';
import { classify, KinesisError } from './errors.ts';

export interface Caller {
  /** Rejects with a KinesisError only. `attempt` may run twice. */
  call<T>(
    operation: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** Ends all calls under way, and each later one, as `aborted`. */
  close(): void;
}

export function createCaller(streamName: string, credentials: CredentialCache): Caller {
  const closing = new AbortController();

  const once = async <T>(
    operation: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const doing = `${operation} on stream ${streamName}`;
    const before = credentials.held();
    try {
      return await abortable([signal, closing.signal], attempt);
    } catch (error) {
      if (signal?.aborted || closing.signal.aborted) {
        throw new KinesisError('aborted', `${doing} was aborted`, { cause: error });
      }
      const classified = classify(error, doing);
      if (classified.kind === 'credentials-expired') credentials.refuse(before);
      throw classified;
    }
  };

  return {
    async call(operation, signal, attempt) {
      try {
        return await once(operation, signal, attempt);
      } catch (error) {
        if (!(error instanceof KinesisError && error.kind === 'credentials-expired')) throw error;
        return await once(operation, signal, attempt);
      }
    },
    close: () => closing.abort(),
  };
}
