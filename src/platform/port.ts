// A message port as the stages see it; node:worker_threads itself is touched only by the roots.

import type { RawPort, Transferable } from '../model/port.ts';

/** Two-way, typed: what goes out, what comes in. A MessagePort, a Worker and a parentPort all fit. */
export interface Port<Out, In> {
  post(message: Out, transfer?: readonly Transferable[]): void;
  /** Replaces the receiver; messages wait until there is one. */
  onMessage(receive: (message: In) => void): void;
  /** Called once, after the last message, when the other end is closed or its thread has ended. */
  onClose(closed: () => void): void;
  close(): void;
  /** Whether an open port keeps its thread alive. */
  ref(): void;
  unref(): void;
}

export function portOf<Out, In>(raw: RawPort): Port<Out, In> {
  return {
    post: (message, transfer) => raw.postMessage(message, transfer),
    onMessage: (receive) => {
      raw.on('message', receive);
    },
    onClose: (closed) => {
      raw.on('close', closed);
    },
    close: () => raw.close?.(),
    ref: () => raw.ref?.(),
    unref: () => raw.unref?.(),
  };
}
