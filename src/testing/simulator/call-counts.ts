// Counts every call by operation, stream, shard and outcome, so that a test can say what a client really asked for.

import type { Target } from './operations/index.ts';

export interface CallFilter {
  readonly operation?: string;
  readonly stream?: string;
  readonly shardId?: string;
}

export interface CallCounts {
  readonly total: number;
  /** Answered with a result. */
  readonly served: number;
  /** Answered with an error. */
  readonly refused: number;
  /** Not answered as a whole, because of a scripted fault: reset, stalled, cut short, or answered with nonsense. */
  readonly broken: number;
  /** The refused ones by the type of their error. */
  readonly errors: Readonly<Record<string, number>>;
}

export type CallOutcome =
  | { readonly type: 'served' | 'broken' }
  | { readonly type: 'refused'; readonly error: string };

interface Row {
  readonly operation: string;
  readonly target: Target;
  readonly outcome: CallOutcome;
  count: number;
}

export class CallCounter {
  readonly #rows = new Map<string, Row>();

  count(operation: string, target: Target, outcome: CallOutcome): void {
    const what = outcome.type === 'refused' ? outcome.error : outcome.type;
    const key = `${operation}/${target.stream ?? ''}/${target.shardId ?? ''}/${what}`;
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { operation, target, outcome, count: 1 });
    else row.count += 1;
  }

  read(filter: CallFilter): CallCounts {
    const errors: Record<string, number> = {};
    const counts = { served: 0, refused: 0, broken: 0 };
    for (const { operation, target, outcome, count } of this.#rows.values()) {
      if (filter.operation !== undefined && filter.operation !== operation) continue;
      if (filter.stream !== undefined && filter.stream !== target.stream) continue;
      if (filter.shardId !== undefined && filter.shardId !== target.shardId) continue;
      counts[outcome.type] += count;
      if (outcome.type === 'refused') errors[outcome.error] = (errors[outcome.error] ?? 0) + count;
    }
    return { total: counts.served + counts.refused + counts.broken, ...counts, errors };
  }
}
