// Shows how far the demo is: one line that is rewritten on a terminal, a line every second elsewhere.

import { systemClock } from '../../platform/clock.ts';
import { delay, systemTimers } from '../../platform/timers.ts';
import { megabytes, thousands } from '../numbers.ts';

export interface ProgressNumbers {
  readonly sent: number;
  readonly handled: number;
  readonly bytes: number;
  readonly shards: number;
}

export interface Progress extends AsyncDisposable {
  /** A line of its own, above the one that is rewritten. */
  note(line: string): void;
}

const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 1_000;
/** Moves to the start of the line and clears it. */
const REWRITE = '\r\u001B[K';

export function showProgress(
  output: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>,
  total: number,
  read: () => ProgressNumbers,
): Progress {
  const terminal = output.isTTY;
  const [start, end] = terminal ? [REWRITE, ''] : ['', '\n'];
  const stopped = new AbortController();
  let last = { at: systemClock.monotonic(), handled: 0, bytes: 0 };

  const line = (): string => {
    const { sent, handled, bytes, shards } = read();
    const at = systemClock.monotonic();
    const spanS = Math.max(at - last.at, 1) / 1000;
    const rates = `${thousands((handled - last.handled) / spanS)} records/s, ${megabytes((bytes - last.bytes) / spanS)} MB/s`;
    last = { at, handled, bytes };
    return `sent ${thousands(sent)} of ${thousands(total)}, handled ${thousands(handled)}, ${rates}, ${shards} shards`;
  };
  const loop = async (): Promise<void> => {
    for (;;) {
      await delay(systemTimers, terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS, stopped.signal);
      if (stopped.signal.aborted) return;
      // A line that wraps could not be rewritten.
      const text = terminal ? line().slice(0, output.columns - 1) : line();
      output.write(`${start}${text}${end}`);
    }
  };
  const running = loop();

  return {
    note: (text) => void output.write(`${terminal ? REWRITE : ''}${text}\n`),
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await running;
      if (terminal) output.write(REWRITE);
    },
  };
}
