// Throttles, errors and broken connections in the calls that a consumer makes, each kind at its own calls.

import type { Fault, Simulator } from '../../src/testing/index.ts';

const BROKEN: readonly Partial<Fault>[] = [
  { error: 'InternalFailure' },
  { reset: 'connect' },
  { reset: 'headers' },
  { reset: 'body' },
];
const KINDS = {
  GetRecords: [
    { error: 'ProvisionedThroughputExceededException' },
    { error: 'ExpiredIteratorException' },
    ...BROKEN,
  ],
  GetShardIterator: [{ error: 'ProvisionedThroughputExceededException' }, ...BROKEN],
  ListShards: [{ error: 'LimitExceededException' }, ...BROKEN],
} as const satisfies Partial<Record<NonNullable<Fault['operation']>, readonly Partial<Fault>[]>>;

const OPERATIONS = Object.keys(KINDS) as (keyof typeof KINDS)[];
/** Between the faults that are bound to happen, so that a run with few calls of an operation meets some too. */
const CERTAIN_EVERY = 4;

/** From now on that share of the calls about the stream fails, whatever shard they are about. */
export async function injectStorm(simulator: Simulator, stream: string, share: number): Promise<void> {
  for (const operation of OPERATIONS) {
    const kinds: readonly Partial<Fault>[] = KINDS[operation];
    for (const [i, kind] of kinds.entries()) {
      await simulator.inject({ ...kind, operation, stream, after: (i + 1) * CERTAIN_EVERY, times: 1 });
    }
    for (const kind of kinds) {
      await simulator.inject({ ...kind, operation, stream, probability: share / kinds.length });
    }
  }
}

export interface FaultsMet {
  readonly calls: number;
  readonly faults: number;
}

/** Among them are the few that the limits of the simulator refused. */
export async function faultsMet(simulator: Simulator, stream: string): Promise<FaultsMet> {
  const counts = await Promise.all(OPERATIONS.map((operation) => simulator.calls({ operation, stream })));
  return {
    calls: counts.reduce((sum, { total }) => sum + total, 0),
    faults: counts.reduce((sum, { refused, broken }) => sum + refused + broken, 0),
  };
}
