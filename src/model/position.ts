// Where a reader stands in a shard, as one string that sorts in reading order.
//
// Databases compare strings reliably and no number type holds the 56 digits of a sequence number, so a position
// is stored, sent and compared in this form only:
//
//   0:AT_TIMESTAMP@<ms, 14 digits>    start positions, before any sequence number
//   0:LATEST@<ms, 14 digits>
//   0:TRIM_HORIZON
//   1:<digit count, 3 digits>:<digits>:<sub-sequence number, 10 digits>
//   2:SHARD_END

/** An encoded position; compare two of one shard with {@link isBefore}. */
export type Position = string & { readonly __position: true };

export type DecodedPosition =
  | { readonly type: 'TRIM_HORIZON' }
  /** `at` is the moment the application first saw the stream, in ms since the epoch, by the clock of AWS. */
  | { readonly type: 'LATEST'; readonly at: number }
  | { readonly type: 'AT_TIMESTAMP'; readonly at: number }
  | { readonly type: 'SEQUENCE'; readonly sequenceNumber: string; readonly subSequenceNumber: number }
  | { readonly type: 'SHARD_END' };

export const TRIM_HORIZON = '0:TRIM_HORIZON' as Position;
export const SHARD_END = '2:SHARD_END' as Position;

const TIME_DIGITS = 14;
const SUB_DIGITS = 10;

export function latestPosition(at: number): Position {
  return `0:LATEST@${String(Math.floor(at)).padStart(TIME_DIGITS, '0')}` as Position;
}

export function timestampPosition(at: number): Position {
  return `0:AT_TIMESTAMP@${String(Math.floor(at)).padStart(TIME_DIGITS, '0')}` as Position;
}

/** The position of a user record; `subSequenceNumber` is its index inside its aggregate, 0 for a plain record. */
export function sequencePosition(sequenceNumber: string, subSequenceNumber: number): Position {
  const digits = String(sequenceNumber.length).padStart(3, '0');
  return `1:${digits}:${sequenceNumber}:${String(subSequenceNumber).padStart(SUB_DIGITS, '0')}` as Position;
}

export function decodePosition(position: Position): DecodedPosition {
  if (position === TRIM_HORIZON) return { type: 'TRIM_HORIZON' };
  if (position === SHARD_END) return { type: 'SHARD_END' };
  const start = /^0:(LATEST|AT_TIMESTAMP)@(\d{14})$/.exec(position);
  if (start) return { type: start[1] as 'LATEST' | 'AT_TIMESTAMP', at: Number(start[2]) };
  const sequence = /^1:(\d{3}):(\d+):(\d{10})$/.exec(position);
  if (sequence && sequence[2]!.length === Number(sequence[1])) {
    return { type: 'SEQUENCE', sequenceNumber: sequence[2]!, subSequenceNumber: Number(sequence[3]) };
  }
  throw new TypeError(`Not a position: ${JSON.stringify(position)}`);
}

/** True when `a` lies before `b` in the same shard. All start positions lie before all sequence numbers. */
export function isBefore(a: Position, b: Position): boolean {
  return a < b;
}
