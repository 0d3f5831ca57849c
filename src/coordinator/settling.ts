// After the death of a fetch thread: which receivers have still to say up to where it got through to them.

import type { HostId } from '../protocol.ts';

export interface Settling {
  /** A thread died; each of these receivers is asked. */
  expect(host: HostId, receivers: readonly number[]): void;
  /** True while the receiver has not answered about that thread. */
  waitsFor(host: HostId, receiver: number): boolean;
  answered(host: HostId, receiver: number): void;
  /** Nobody is left that could answer for this receiver. */
  receiverGone(receiver: number): void;
}

/** `onSettled`: all have answered, nothing refers to the thread any more. */
export function createSettling(onSettled: (host: HostId) => void): Settling {
  const missing = new Map<HostId, Set<number>>();
  const look = (host: HostId, receivers: ReadonlySet<number>) => {
    if (receivers.size > 0) return;
    missing.delete(host);
    onSettled(host);
  };
  return {
    expect(host, receivers) {
      const set = new Set(receivers);
      missing.set(host, set);
      look(host, set);
    },
    waitsFor: (host, receiver) => missing.get(host)?.has(receiver) === true,
    answered(host, receiver) {
      const set = missing.get(host);
      if (set?.delete(receiver) === true) look(host, set);
    },
    receiverGone(receiver) {
      for (const [host, set] of missing) if (set.delete(receiver)) look(host, set);
    },
  };
}
