// What the process of a side is told: plain data, because it comes over a process boundary.

import type { Plan, Side, Variant } from '../scenario.ts';

/** Where the canned simulator is. */
export interface Source {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface Job {
  readonly side: Side;
  readonly variant: Variant;
  readonly plan: Plan;
  readonly source: Source;
}

/** The name that the canned simulator gives to its only stream. */
export const STREAM = 'canned';
/** GetRecords calls that may be under way at once, on every side; as in a fetch thread of shardpool. */
export const MAX_SOCKETS = 256;
export const RECORD_LIMIT = 10_000;
