// The contract of a lease store as cases that any test runner can run; the list of groups, and nothing else, is here.

import { randomUUID } from 'node:crypto';
import { systemClock } from '../../platform/clock.ts';
import { systemTimers } from '../../platform/timers.ts';
import { APP_CASES } from './app-cases.ts';
import type { CaseList } from './case-list.ts';
import { CLOSING_CASES } from './closing-cases.ts';
import { CHECKPOINT_CASES } from './checkpoint-cases.ts';
import { EVICT_CASES } from './evict-cases.ts';
import { MARK_CASES } from './mark-cases.ts';
import { NAME_CASES } from './name-cases.ts';
import { NUMBER_CASES, POSITION_CASES } from './value-cases.ts';
import { RACE_CASES } from './race-cases.ts';
import { READING_CASES, SIZE_CASES } from './reading-cases.ts';
import { FINISH_CASES, RELEASE_CASES } from './release-cases.ts';
import { SCOPE_CASES, SHARED_SCOPE_CASES } from './scope-cases.ts';
import { BEAT_CASES, CREATE_SESSION_CASES, DELETE_SESSION_CASES, END_CASES } from './session-cases.ts';
import { runCase, type MakeLeaseStore, type Surroundings } from './setting.ts';
import { CREATE_SHARD_CASES, DELETE_SHARD_CASES, REPLACE_SHARD_CASES } from './shard-cases.ts';
import { SHARING_CASES } from './sharing-cases.ts';
import { TAKE_CASES } from './take-cases.ts';
import { UNWATCHED_CASES, WATCH_CASES } from './watch-cases.ts';

export type { MakeLeaseStore } from './setting.ts';

export interface LeaseStoreContractOptions {
  /** False for a store that coalesces changes of `rev`: it then has to grow soon instead of by one at once. Default: true. */
  readonly exactRev?: boolean;
  /** False for a store of which two never see the same rows: leaves out what needs several over one scope. Default: true. */
  readonly shared?: boolean;
  /** True for a store that has `watch`: its cases come too. Default: false. */
  readonly watch?: boolean;
  /** How long a case may take. The time-out of the test runner has to be longer. Default: 25 000. */
  readonly deadlineMs?: number;
}

export interface LeaseStoreCase {
  /** The write or the subject it is about. */
  readonly group: string;
  /** Unique in its group. */
  readonly title: string;
  /** Opens and closes its own stores; rejects with an AssertionError, or with what the store threw. */
  run(makeStore: MakeLeaseStore): Promise<void>;
}

/** What the contract needs of a test runner: mocha, vitest, jest and node:test have it. */
export interface TestRunner {
  describe(title: string, define: () => void): unknown;
  it(title: string, run: () => Promise<void>): unknown;
}

const SURROUNDINGS: Surroundings = { clock: systemClock, timers: systemTimers, newName: randomUUID };

/** Every case that the options leave in, in order; for runners that {@link leaseStoreContract} does not suit. */
export function leaseStoreCases({
  exactRev = true,
  shared = true,
  watch = false,
  deadlineMs = 25_000,
}: LeaseStoreContractOptions = {}): LeaseStoreCase[] {
  const watchCases = watch ? WATCH_CASES : UNWATCHED_CASES;
  const groups: Readonly<Record<string, CaseList>> = {
    app: APP_CASES,
    reading: READING_CASES,
    createSession: CREATE_SESSION_CASES,
    beat: BEAT_CASES,
    end: END_CASES,
    evict: EVICT_CASES,
    deleteSession: DELETE_SESSION_CASES,
    createShard: CREATE_SHARD_CASES,
    replaceShard: REPLACE_SHARD_CASES,
    take: TAKE_CASES,
    mark: MARK_CASES,
    checkpoint: CHECKPOINT_CASES,
    release: RELEASE_CASES,
    finish: FINISH_CASES,
    deleteShard: DELETE_SHARD_CASES,
    positions: POSITION_CASES,
    numbers: NUMBER_CASES,
    names: NAME_CASES,
    sizes: SIZE_CASES,
    scopes: shared ? { ...SCOPE_CASES, ...SHARED_SCOPE_CASES } : SCOPE_CASES,
    races: RACE_CASES,
    ...(shared ? { 'several stores over the same rows': SHARING_CASES, watch: watchCases } : {}),
    close: CLOSING_CASES,
  };
  return Object.entries(groups).flatMap(([group, cases]) =>
    Object.entries(cases).map(([title, run]) => ({
      group,
      title,
      run: (makeStore) => runCase(run, makeStore, { exactRev, deadlineMs }, SURROUNDINGS),
    })),
  );
}

/**
 * Registers the contract as tests: `leaseStoreContract({ describe, it }, 'my store', (scope) => createMyStore(scope))`.
 * Give the runner a time-out above `deadlineMs` for them.
 */
export function leaseStoreContract(
  { describe, it }: TestRunner,
  name: string,
  makeStore: MakeLeaseStore,
  options: LeaseStoreContractOptions = {},
): void {
  const cases = leaseStoreCases(options);
  describe(`lease store contract: ${name}`, () => {
    for (const group of new Set(cases.map((each) => each.group))) {
      describe(group, () => {
        for (const each of cases.filter((each) => each.group === group)) {
          it(each.title, () => each.run(makeStore));
        }
      });
    }
  });
}
