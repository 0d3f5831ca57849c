// What a process of a fleet writes about itself: lines of JSON in a file of its own, each with one synchronous write, so that
// `kill -9` loses nothing that was said before. Times are ms of the monotonic clock of the host, comparable between processes.

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ConsumerEvents } from '../../src/consumer/events.ts';
import type { HealthProblemName } from '../../src/consumer/health.ts';
import type { LeaseStore } from '../../src/model/lease-store.ts';
import type { LogLevel } from '../../src/model/logger.ts';
import { monotonicMs } from './handler-reports.ts';

/** One user record in a call of the handler. */
export type FleetRow = readonly [sequenceNumber: string, subSequenceNumber: number, key: string, n: number];

/** The methods of the store that the journal has: all that write, and the one by which a take is read back. */
export const STORE_LINES = [
  'createApp',
  'createSession',
  'beat',
  'end',
  'evict',
  'deleteSession',
  'createShard',
  'replaceShard',
  'take',
  'mark',
  'checkpoint',
  'release',
  'finish',
  'deleteShard',
  'readShard',
] as const satisfies readonly (keyof LeaseStore)[];

export interface StoreLine {
  readonly type: 'store';
  readonly at: number;
  readonly method: (typeof STORE_LINES)[number];
  /** When it was answered. */
  readonly until: number;
  readonly argument: unknown;
  /** Null where there was no answer. */
  readonly applied: boolean | null;
  readonly row: unknown;
  readonly error: string | null;
}

export type FleetLine =
  | { readonly type: 'born'; readonly at: number; readonly pid: number }
  /** As the first thing in the handler; `call` names it in this process. */
  | {
      readonly type: 'begin';
      readonly at: number;
      readonly call: string;
      readonly shardId: string;
      readonly token: number;
      readonly attempt: number;
      readonly rows: readonly FleetRow[];
    }
  /** As the last thing. */
  | { readonly type: 'end'; readonly at: number; readonly call: string }
  | StoreLine
  | {
      readonly type: 'event';
      readonly at: number;
      readonly name: keyof ConsumerEvents;
      readonly detail: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'health';
      readonly at: number;
      readonly healthy: boolean;
      readonly problems: readonly HealthProblemName[];
    }
  | { readonly type: 'log'; readonly at: number; readonly level: LogLevel; readonly message: string }
  /** Its `run` has resolved. */
  | { readonly type: 'stopped'; readonly at: number };

/** Any thread may have one of its own for the same file: lines do not mix. */
export function fleetPen(file: string): (line: FleetLine) => void {
  const fd = openSync(file, 'a');
  return (line) => void writeSync(fd, `${JSON.stringify(line)}\n`);
}

export const now = monotonicMs;

/** One for all: what was read is taken before the next read. */
const CHUNK = Buffer.allocUnsafe(256 * 1024);

/** Follows the file of one process while it is written. */
export class FleetLog implements Disposable {
  readonly lines: FleetLine[] = [];
  /** Lines that a death cut off. */
  torn = 0;
  readonly #file: string;
  #fd: number | null = null;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads what is new. */
  read(): void {
    this.#fd ??= openSync(this.#file, 'a+');
    for (;;) {
      const bytes = readSync(this.#fd, CHUNK, 0, CHUNK.length, null);
      if (bytes === 0) break;
      this.#take(CHUNK.subarray(0, bytes));
    }
  }

  #take(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes]);
    const end = all.lastIndexOf('\n') + 1;
    this.#rest = all.subarray(end);
    for (const text of all.toString('utf8', 0, end).split('\n')) {
      if (text === '') continue;
      try {
        this.lines.push(JSON.parse(text) as FleetLine);
      } catch {
        this.torn += 1;
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
