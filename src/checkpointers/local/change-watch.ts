// Tells soon when `rev` grew, whoever wrote it. Every transaction of any process writes to the data file, and the system tells
// whoever watches that; at rest this costs nothing.

import { type FSWatcher, watch } from 'node:fs';
import type { Timer, Timers } from '../../platform/timers.ts';

export interface ChangeWatchParts {
  readonly file: string;
  readonly timers: Timers;
  /** Null where it cannot be read now. */
  readonly rev: () => number | null;
  readonly onChange: () => void;
}

export interface ChangeWatch {
  close(): void;
}

/**
 * The file is written a moment before the transaction can be seen: one look soon, which an event that comes until then shares, and
 * one that is surely late enough.
 */
const SOON_MS = 5;
const SURELY_MS = 45;
/** Where the system has no more watches to give. */
const POLL_MS = 200;

export function watchChanges({ file, timers, rev, onChange }: ChangeWatchParts): ChangeWatch {
  let last = rev();
  let timer: Timer | null = null;
  let watcher: FSWatcher | null = null;
  let isClosed = false;
  let isSoon = false;

  const look = (): void => {
    const now = rev();
    if (now === null || now === last) return;
    last = now;
    onChange();
  };

  const after = (ms: number, fn: () => void): void => {
    if (timer !== null) timers.clearTimeout(timer);
    timer = timers.setTimeout(() => {
      timer = null;
      fn();
    }, ms);
  };

  const poll = (): void =>
    after(POLL_MS, () => {
      poll();
      look();
    });

  const pollInstead = (): void => {
    watcher?.close();
    watcher = null;
    if (!isClosed) poll();
  };

  const onEvent = (): void => {
    if (isClosed || isSoon) return;
    isSoon = true;
    after(SOON_MS, () => {
      isSoon = false;
      after(SURELY_MS, look);
      look();
    });
  };

  try {
    watcher = watch(file, { persistent: false }, onEvent).on('error', pollInstead);
  } catch {
    pollInstead();
  }
  return {
    close() {
      isClosed = true;
      watcher?.close();
      watcher = null;
      if (timer !== null) timers.clearTimeout(timer);
      timer = null;
    },
  };
}
