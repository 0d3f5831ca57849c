// What a fetch thread found out about a user record, as the bits of a byte beside "aggregated", which has the lowest.

/** The record was part of an aggregate, and its hash key is none of its shard's. */
export const OUT_OF_SHARD_RANGE = 2;

const REASON_SHIFT = 4;

/** What makes a record undecodable before `deserialize` sees it. The places count: 0 is nothing. */
const REASONS = [
  null,
  'broken-frame',
  'not-inflated',
  'inflated-too-large',
  'too-many-records',
  'transform-failed',
] as const;
export type UndecodableReason = Exclude<(typeof REASONS)[number], null>;

/** The mark of a record whose `value` throws ERR_UNDECODABLE whatever its bytes are. */
export function undecodableMark(reason: UndecodableReason): number {
  return REASONS.indexOf(reason) << REASON_SHIFT;
}

/** Null for a record that `deserialize` may try. */
export function undecodableReason(marks: number): UndecodableReason | null {
  return REASONS[marks >> REASON_SHIFT] ?? null;
}
