// Writes that wait together become one transaction, and so share one flush to the disk; each in its own right: what is refused or
// wrong for one of them touches no other.
//
// No code of ours runs while lmdb's lock is held: a thread that is terminated there (a stop that is forced, process.exit) would
// keep it, and with it all processes. Instead each transaction is drawn up on a snapshot, and made on the condition that nobody else
// wrote meanwhile; where somebody did, it is drawn up anew.

import { LeaseStoreError } from '../../model/lease-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { delay, type Timer, type Timers } from '../../platform/timers.ts';
import { describeHolder, type Holder, type WriterLock } from './writer-lock.ts';

export interface WriteQueueParts<Draft> {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  /** Resolves when whoever is about to write in this turn of the event loop has done so. */
  readonly soon: () => Promise<void>;
  readonly lock: Pick<WriterLock, 'holder'>;
  /** On what can be seen now. May throw. */
  readonly draw: () => Draft;
  /** Resolves when all that the draft changes is durable; false where somebody wrote since it was drawn up. */
  readonly commit: (draft: Draft) => Promise<boolean>;
  readonly toError: (cause: unknown) => LeaseStoreError;
}

export interface WriteQueue<Draft> {
  /** Resolves with what `step` returned last, when that is durable. `step` may run several times; it may throw a LeaseStoreError. */
  run<T>(withinMs: number, step: (draft: Draft) => T): Promise<T>;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
}

interface Waiting<Draft> {
  readonly deadline: number;
  /** Returns what to call when the transaction is durable. */
  readonly step: (draft: Draft) => () => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 256;
const MAX_PAUSE_MS = 20;

export function createWriteQueue<Draft>(parts: WriteQueueParts<Draft>): WriteQueue<Draft> {
  const { clock, timers, lock } = parts;
  let waiting: Waiting<Draft>[] = [];
  let draining: Promise<void> | null = null;

  const giveUpLate = (why: string): void => {
    const now = clock.monotonic();
    const late = waiting.filter(({ deadline }) => deadline <= now);
    if (late.length === 0) return;
    waiting = waiting.filter(({ deadline }) => deadline > now);
    const message = `The local store could not be written in time: ${why}`;
    for (const { reject } of late) reject(new LeaseStoreError('not-applied', message, { retryable: true }));
  };

  /** A writer that goes on is done in a moment, and lmdb's own lock is fair; one that does not is not waited for. */
  const untilLockMoves = async (): Promise<void> => {
    const first = lock.holder();
    const standsStill = (): boolean => {
      const now = lock.holder();
      return first !== null && now !== null && isSame(now, first);
    };
    for (
      let pauseMs = 1;
      waiting.length > 0 && standsStill();
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
    ) {
      await delay(timers, pauseMs);
      if (standsStill()) giveUpLate(`${describeHolder(first!)} holds its lock`);
    }
  };

  /** True when each of the batch has its answer; false when it has to be drawn up anew. */
  const apply = async (batch: readonly Waiting<Draft>[]): Promise<boolean> => {
    const settle: (() => void)[] = [];
    const answers = answerInTime(batch);
    try {
      const draft = parts.draw();
      for (const { step, reject } of batch) settle.push(attempted(step, reject, draft));
      if (!(await parts.commit(draft))) return false;
    } catch (cause) {
      const error = parts.toError(cause);
      for (const { reject } of batch) reject(error);
      return true;
    } finally {
      answers.stop();
    }
    for (const each of settle) each();
    return true;
  };

  /** While a transaction is under way: whoever's time is over must not wait for a disk that stands still. */
  const answerInTime = (batch: readonly Waiting<Draft>[]): { stop: () => void } => {
    const timersOfBatch: Timer[] = [];
    const message = 'The local store did not finish a write in time';
    for (const deadline of new Set(batch.map((each) => each.deadline))) {
      const answer = (): void => {
        giveUpLate('another write is not finished');
        for (const each of batch) {
          if (each.deadline !== deadline) continue;
          each.reject(new LeaseStoreError('unknown', message, { retryable: true }));
        }
      };
      timersOfBatch.push(timers.setTimeout(answer, Math.max(1, deadline - clock.monotonic())));
    }
    return { stop: () => timersOfBatch.forEach((timer) => timers.clearTimeout(timer)) };
  };

  const drain = async (): Promise<void> => {
    await parts.soon();
    let conflicts = 0;
    while (waiting.length > 0) {
      await untilLockMoves();
      const batch = waiting.splice(0, MAX_BATCH);
      if (batch.length === 0 || (await apply(batch))) {
        conflicts = 0;
        continue;
      }
      waiting = [...batch, ...waiting];
      giveUpLate('others write without a pause');
      conflicts += 1;
      await delay(timers, parts.random() * Math.min(conflicts, MAX_PAUSE_MS));
    }
    draining = null;
  };

  return {
    run: (withinMs, step) =>
      new Promise((resolve, reject) => {
        waiting.push({
          deadline: clock.monotonic() + withinMs,
          reject,
          step: (draft) => {
            const result = step(draft);
            return () => resolve(result);
          },
        });
        draining ??= drain();
      }),
    idle: async () => draining ?? undefined,
  };
}

function attempted<Draft>(
  step: Waiting<Draft>['step'],
  reject: Waiting<Draft>['reject'],
  draft: Draft,
): () => void {
  try {
    return step(draft);
  } catch (error) {
    if (!(error instanceof LeaseStoreError)) throw error;
    return () => reject(error);
  }
}

function isSame(a: Holder, b: Holder): boolean {
  return a.thread === b.thread && a.transaction === b.transaction;
}
