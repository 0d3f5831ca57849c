// The mechanisms of the protocol, each with what it looks like when it is taken out. `mutants.js` sees that each one is noticed.

import type { ReaderMutation } from './reader.ts';
import type { StoreMutation } from './rows.ts';
import type { Flavour } from './server.ts';

/** A piece of a built file, and what takes its place. */
export interface SourceMutation {
  /** Below `src`, without its ending. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutation {
  readonly mechanism: string;
  readonly source?: readonly SourceMutation[];
  readonly store?: readonly StoreMutation[];
  readonly reader?: readonly ReaderMutation[];
  /** The only one where it matters. */
  readonly flavour?: Flavour;
  /** Where random schedules meet it too rarely, or where another mechanism stands behind it: what looks at it instead. */
  readonly elsewhere?: string;
}

const table = 'coordinator/lease-table';
const heartbeat = 'coordinator/heartbeat';
const fence = 'platform/fence';
const steps = 'coordinator/plan-steps';

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'owner-in-conditions': {
    mechanism: 'owner writes are conditional on the owner',
    store: ['owner-any-session'],
  },
  'token-in-conditions': {
    mechanism: 'owner writes are conditional on the token',
    elsewhere: 'the contract of lease stores',
    store: ['owner-any-token'],
  },
  'position-forward': { mechanism: 'a checkpoint never moves backwards', store: ['position-backwards'] },
  'release-condition': { mechanism: 'release is conditional', store: ['release-any-owner'] },
  'finish-condition': { mechanism: 'finish is conditional', store: ['finish-any-owner'] },
  'take-token': { mechanism: 'take is conditional on the token', store: ['take-any-token'] },
  'take-owner': {
    mechanism: 'take is conditional on the owner and on the end',
    store: ['take-any-owner', 'take-finished'],
  },
  'token-growth': {
    mechanism: 'tokens grow over a fail-over',
    flavour: 'redis',
    source: [
      {
        file: table,
        from: 'Math.max(row.token, highestToken.get(row.shardId) ?? 0, tokenFloor) + 1',
        to: 'row.token + 1',
      },
    ],
  },
  'client-chosen-token': { mechanism: 'the client chooses the token', store: ['take-store-token'] },
  'beat-is-set': {
    mechanism: 'a beat is a value, not an increment',
    store: ['beat-increments'],
    elsewhere: 'the contract of lease stores',
  },
  'beat-grows': { mechanism: 'beat < n', store: ['beat-any'], elsewhere: 'the contract of lease stores' },
  'beat-while-live': {
    mechanism: 'no beat of an ended or dead session',
    store: ['beat-any-state'],
    elsewhere: 'the contract of lease stores',
  },
  'beat-base': {
    mechanism: 'a beat counts from its start',
    elsewhere: 'test/coordinator/heartbeat.test.ts',
    source: [
      {
        file: heartbeat,
        from: 'until: startedAt + validity, wallLead: lead });\n        armDeadline();\n    };\n    const run',
        to: 'until: clock.monotonic() + validity, wallLead: lead });\n        armDeadline();\n    };\n    const run',
      },
    ],
  },
  'first-attempt-base': {
    mechanism: 'a creation counts from its first attempt',
    source: [
      {
        file: heartbeat,
        from: 'fence.reopen({ until: startedAt + validity',
        to: 'fence.reopen({ until: clock.monotonic() + validity',
      },
    ],
  },
  latch: {
    mechanism: 'a deadline that passed has passed',
    source: [
      {
        file: fence,
        from: 'if (Atomics.compareExchange(deadline, VALID_UNTIL, until, LATCHED) === until)\n                    return false;',
        to: 'return false;',
      },
      {
        file: fence,
        from: 'const next = isPast(until) || hasStoodStill() ? LATCHED : toMicros(confirmed.until);',
        to: 'const next = toMicros(confirmed.until);',
      },
      {
        file: heartbeat,
        from: "lose('a beat was confirmed after the deadline');\n            return;",
        to: '',
      },
      {
        file: heartbeat,
        from: "if (!fence.isValid(fence.generation))\n                lose('no beat was confirmed in time');\n            else\n                armDeadline();",
        to: '',
      },
      { file: heartbeat, from: "lose('the deadline passed while this process stood still');", to: '' },
    ],
  },
  'dead-is-final': {
    mechanism: 'a beat that finds its session dead ends it',
    source: [
      {
        file: heartbeat,
        from: "if (!applied && (row === null || (row.state !== 'live' && row.state !== 'draining'))) {",
        to: 'if (false) {',
      },
    ],
  },
  margin: {
    mechanism: 'the margin for clock rates',
    source: [{ file: heartbeat, from: 'leaseDurationMs - marginMs', to: 'leaseDurationMs + 1' }],
  },
  'frozen-clock': {
    mechanism: 'a wall clock that ran ahead shuts the fence',
    source: [{ file: fence, from: '> Atomics.load(cells, TOLERATED_LEAD);', to: '> Infinity;' }],
  },
  'fence-before-hand-out': {
    mechanism: 'the fence is looked at before each batch',
    reader: ['reader-no-fence'],
  },
  'fence-before-writes': {
    mechanism: 'the fence is looked at before each write',
    source: [
      {
        file: table,
        from: 'if (position === SHARD_END || !parts.isValid())',
        to: 'if (position === SHARD_END)',
      },
    ],
  },
  'evict-checks-the-beat': { mechanism: 'evict is conditional on the beat', store: ['evict-any-beat'] },
  'own-clock-observation': {
    mechanism: 'a session is watched for a whole lease',
    source: [
      {
        file: 'coordinator/observation',
        from: 'answeredAt) >= leaseDurationMs',
        to: 'answeredAt) >= leaseDurationMs / 4',
      },
    ],
  },
  'never-from-the-living': {
    mechanism: 'nothing is taken from a live session',
    source: [
      { file: steps, from: 'if (owner === null || isOver(states.get(owner))) {', to: 'if (owner !== me) {' },
    ],
  },
  'take-is-read-back': {
    mechanism: 'a take of unknown outcome is read back',
    source: [
      {
        file: table,
        from: ': await store.readShard(row.shardId).catch(() => null);',
        to: ': { ...row, owner: session, token };',
      },
    ],
  },
  'lease-from-returned-row': {
    mechanism: 'a lease begins at the position of the returned row',
    source: [
      {
        file: table,
        from: 'from: taken.position,\n                acked: taken.position,',
        to: 'from: row.position,\n                acked: row.position,',
      },
    ],
    elsewhere: 'test/coordinator/lease-table.test.ts',
  },
  'salvage-own-token': {
    mechanism: 'salvage only with the own token',
    source: [{ file: table, from: 'old.session === row.owner && old.token === row.token', to: 'true' }],
    elsewhere: 'test/coordinator/lease-table-end.test.ts',
  },
  'lost-is-final': {
    mechanism: 'nothing is written for a lost lease',
    source: [
      { file: table, from: 'held.get(lease.shardId) === lease &&\n            attempt', to: 'attempt' },
    ],
  },
  'parent-gate': {
    mechanism: 'a child waits for its parents',
    source: [
      {
        file: 'coordinator/lineage',
        from: 'lineage.parents(shardId).filter((parent) => !finished.has(parent) && lineage.shards.has(parent))',
        to: '[]',
      },
    ],
  },
  'own-complete-listing': {
    mechanism: 'a parent is gone only by a listing with its child',
    source: [
      {
        file: 'coordinator/lineage',
        from: 'row.parents.filter((parent) => !finished.has(parent) && !isYounger(parent, row))',
        to: 'row.parents.filter((parent) => !finished.has(parent) && lineage.shards.has(parent))',
      },
    ],
  },
  'quiet-period': {
    mechanism: 'no takes and evictions after a fail-over',
    store: ['no-quiet'],
    flavour: 'redis',
  },
  'quiet-takes': {
    mechanism: 'the store refuses takes while quiet',
    store: ['take-in-quiet'],
    flavour: 'redis',
    elsewhere: 'conditions.test.ts',
  },
  'quiet-evictions': {
    mechanism: 'the store refuses evictions while quiet',
    store: ['evict-in-quiet'],
    flavour: 'redis',
    elsewhere: 'conditions.test.ts',
  },
  'end-when-done': { mechanism: 'SHARD_END only when the last record is done', reader: ['reader-early-end'] },
  'ack-when-done': { mechanism: 'an ack only when the record is done', reader: ['reader-early-ack'] },
  'hand-off-drains': { mechanism: 'a hand-off finishes what is in hand', reader: ['reader-early-drained'] },
  'finish-is-read-back': {
    mechanism: 'an own finish whose answer was lost counts as done',
    source: [
      {
        file: table,
        from: 'result.applied || (result.row?.position === SHARD_END && result.row.token === lease.token)',
        to: 'result.applied',
      },
    ],
    elsewhere: 'test/coordinator/lease-table-end.test.ts',
  },
  'verify-by-reading': {
    mechanism: 'a read that disagrees ends a lease',
    flavour: 'redis',
    source: [{ file: table, from: "refused(lease, row, 'Reading the row');", to: '{}' }],
  },
  'full-read': {
    mechanism: 'the rows are read in full from time to time',
    flavour: 'dynamodb',
    source: [{ file: 'coordinator/survey', from: 'startedAt - fullReadAt < interval', to: 'true' }],
  },
  'marks-are-cancelled': {
    mechanism: 'a mark that nobody answers is taken back',
    source: [{ file: steps, from: 'cancels.push({ row });\n            };', to: '{}\n            };' }],
    elsewhere: 'test/coordinator/plan-steps.test.ts',
  },
  'reservations-end': {
    mechanism: 'a free shard that is reserved is anybody’s after a time',
    source: [{ file: steps, from: 'others.push(row)', to: '{}' }],
    elsewhere: 'test/coordinator/plan-steps.test.ts',
  },
  'resume-after-cancel': {
    mechanism: 'a hand-off that is called off reads on',
    elsewhere: 'test/coordinator/hand-offs.test.ts',
    source: [{ file: 'coordinator/hand-offs', from: 'parts.resume(lease);', to: '' }],
  },
  'session-cleanup': {
    mechanism: 'rows of sessions that are over are removed',
    source: [{ file: 'coordinator/observation', from: 'removable.push(session);', to: '{}' }],
  },
};
