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
  /** The refused ones by the type of their error. */
  readonly errors: Readonly<Record<string, number>>;
}

interface Row {
  readonly operation: string;
  readonly target: Target;
  readonly error: string | null;
  count: number;
}

export class CallCounter {
  readonly #rows = new Map<string, Row>();

  count(operation: string, target: Target, error: string | null): void {
    const key = `${operation}/${target.stream ?? ''}/${target.shardId ?? ''}/${error ?? ''}`;
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { operation, target, error, count: 1 });
    else row.count += 1;
  }

  read(filter: CallFilter): CallCounts {
    const errors: Record<string, number> = {};
    let served = 0;
    let refused = 0;
    for (const { operation, target, error, count } of this.#rows.values()) {
      if (filter.operation !== undefined && filter.operation !== operation) continue;
      if (filter.stream !== undefined && filter.stream !== target.stream) continue;
      if (filter.shardId !== undefined && filter.shardId !== target.shardId) continue;
      if (error === null) {
        served += count;
      } else {
        refused += count;
        errors[error] = (errors[error] ?? 0) + count;
      }
    }
    return { total: served + refused, served, refused, errors };
  }
}
