// Sequence numbers: 56 digits that sort as text and as numbers, unique in their stream.
//
//   4959 | creation of the shard in ms, 14 digits | shard, 6 | counter, 15 | arrival in ms, 14 | 002
//
// Like those of AWS they begin with 49 and carry the creation of the shard in front, so that every number of a child is
// above every number of its parents; within one millisecond the index of the shard decides. Unlike theirs the parts are decimal: a string concatenation makes one, and a
// person can read one. Nobody may rely on that layout.

const HEAD = '4959';
const TAIL = '002';
const PREFIX_LENGTH = 24;
const COUNTER_END = PREFIX_LENGTH + 15;
const MAX_COUNTER = 999_999_999_999_999;

/** What all numbers of one shard begin with. */
export function sequencePrefix(createdMs: number, shardIndex: number): string {
  return HEAD + digits(createdMs, 14) + digits(shardIndex, 6);
}

/** `counter` is 0 for the start of the shard, 1 for its first record. */
export function sequenceNumber(prefix: string, counter: number, atMs: number): string {
  return prefix + String(1e15 + counter).slice(1) + digits(atMs, 14) + TAIL;
}

/** The number at which a closed shard ends: above that of every record in it. */
export function endingSequenceNumber(prefix: string, closedAtMs: number): string {
  return sequenceNumber(prefix, MAX_COUNTER, closedAtMs);
}

/** The counter inside a number of the shard with that prefix; null when the number is not one of its own. */
export function counterOf(sequence: string, prefix: string): number | null {
  if (!/^\d{56}$/.test(sequence) || !sequence.startsWith(prefix)) return null;
  return Number(sequence.slice(PREFIX_LENGTH, COUNTER_END));
}

export function isEnd(counter: number): boolean {
  return counter === MAX_COUNTER;
}

function digits(value: number, width: number): string {
  return String(Math.floor(value)).padStart(width, '0');
}
