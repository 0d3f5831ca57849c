// Runs calls to Kinesis: each in its turn, within its time, ended by a signal or by close; renews refused credentials once,
// repeats what was sent on a connection that the server had closed, classifies every failure.

import type { Timers } from '../platform/timers.ts';
import { abortable } from './abortable.ts';
import type { Credentials } from './api.ts';
import type { CallSlots } from './call-slots.ts';
import type { CredentialCache } from './credential-cache.ts';
import { classify, KinesisError } from './errors.ts';
import { wasClosedWhileIdle } from './keep-alive-agents.ts';

export interface CallerParts {
  readonly streamName: string;
  readonly credentials: CredentialCache;
  readonly slots: CallSlots;
  /** For one attempt, from the moment when it has its slot. */
  readonly callTimeoutMs: number;
  readonly timers: Timers;
  /** A call got no answer in time, or only a part of it. */
  readonly onTimeout: () => void;
}

export interface Caller {
  /** Rejects with a KinesisError only. `attempt` may run more than once. */
  call<T>(
    operation: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** Ends all calls under way, and each later one, as `aborted`. */
  close(): void;
}

export function createCaller(parts: CallerParts): Caller {
  const { streamName, credentials, slots, callTimeoutMs, timers } = parts;
  const closing = new AbortController();

  const withinTime = async <T>(
    doing: string,
    signals: readonly (AbortSignal | undefined)[],
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const overdue = new AbortController();
    const timer = timers.setTimeout(() => {
      const message = `${doing} took more than ${callTimeoutMs} ms. It may succeed later; if it lasts, check the network.`;
      overdue.abort(new KinesisError('transient', message));
      parts.onTimeout();
    }, callTimeoutMs);
    try {
      return await abortable([...signals, overdue.signal], attempt);
    } finally {
      timers.clearTimeout(timer);
    }
  };

  const once = async <T>(
    operation: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const doing = `${operation} on stream ${streamName}`;
    let used: Credentials | null = null;
    const signals = [signal, closing.signal];
    let giveBack: (() => void) | null = null;
    try {
      giveBack = await abortable(signals, slots.take);
      return await withinTime(doing, signals, async (both) => {
        // What the SDK is about to sign with: only of these does a refusal tell.
        used = await credentials.get();
        return attempt(both);
      });
    } catch (error) {
      if (signal?.aborted || closing.signal.aborted) {
        throw new KinesisError('aborted', `${doing} was aborted`, { cause: error });
      }
      const classified = classify(error, doing);
      if (isAboutCredentials(classified)) credentials.refuse(used);
      if (isTimeout(error)) parts.onTimeout();
      throw classified;
    } finally {
      giveBack?.();
    }
  };

  return {
    async call(operation, signal, attempt) {
      const repeatedFor = new Set<string>();
      for (;;) {
        try {
          return await once(operation, signal, attempt);
        } catch (error) {
          const reason = reasonToRepeat(operation, error as KinesisError);
          if (reason === null || repeatedFor.has(reason)) throw error;
          repeatedFor.add(reason);
        }
      }
    },
    close: () => closing.abort(),
  };
}

/** What the next attempt, made at once, may not meet again; null for everything that must wait or end. */
function reasonToRepeat(operation: string, error: KinesisError): string | null {
  if (isAboutCredentials(error)) return 'credentials';
  // Not a PutRecords: it may have been carried out before its connection was lost.
  if (operation !== 'PutRecords' && wasClosedWhileIdle(error.cause)) return 'connection';
  return null;
}

function isAboutCredentials({ kind }: KinesisError): boolean {
  return kind === 'credentials-expired' || kind === 'credentials-refused';
}

/** The SDK gives this name to resets too, but those carry their code. */
function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error) || error.name !== 'TimeoutError') return false;
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined || code === 'ETIMEDOUT';
}
