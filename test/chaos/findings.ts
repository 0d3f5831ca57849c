// What an audit can find, in words.

export const FINDINGS = {
  missing: 'a record was never handled to its end',
  unknown: 'a record was handled that nobody wrote there',
  gap: 'a lease skipped records',
  repeated: 'a lease handed out a record twice',
  concurrent: 'two calls of one lease were under way at once',
  'shared-token': 'two processes read a shard with the same token',
  'wrong-start': 'a lease did not begin right behind its checkpoint',
  'checkpoint-ahead': 'a checkpoint passed a record that was not done',
  'position-back': 'a lease was taken at a position before one that was stored',
  stale: 'a batch was handed out under an old token after a newer one had begun',
  fence: 'a batch was handed out after the session had ceased to be valid',
  'child-early': 'a shard was read before all of its ancestors were done',
  'key-order': 'a record of a key was first handled after a later one',
  'needless-repeat': 'a record was handled again though there was time to write its checkpoint',
  'lost-release': 'a shard was given back at a position before records that were done',
} as const;
export type FindingKind = keyof typeof FINDINGS;

export interface Finding {
  readonly kind: FindingKind;
  /** On the clock of the history; null where it has no moment. */
  readonly at: number | null;
  readonly text: string;
}
