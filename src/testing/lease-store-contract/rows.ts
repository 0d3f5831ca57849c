// The sessions, the shard and the positions of the lease store contract, and writes with everything filled in.

import type {
  LeaseStore,
  NewShard,
  OwnerWrite,
  SessionId,
  SessionRow,
  ShardRow,
} from '../../model/lease-store.ts';
import { sequencePosition, TRIM_HORIZON } from '../../model/position.ts';

export const ALICE = 'host-a/1#aaaa';
export const BOB = 'host-b/2#bbbb';
export const CAROL = 'host-c/3#cccc';
export const SHARD = 'shardId-000000000000';

/** Of different lengths, as real ones are: compared as numbers or as plain strings they would sort wrongly. */
export const EARLY = sequencePosition('999', 7);
export const MIDDLE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 0);
export const LATE = sequencePosition('49590338271490256608559692538361571095921575989136588898', 10);

export const sessionRow = (session: SessionId, changes: Partial<SessionRow> = {}): SessionRow => ({
  session,
  beat: 0,
  state: 'live',
  maxShards: null,
  host: 'host-a',
  boot: 'boot-1:4026531836',
  pid: 4711,
  version: '1.2.3',
  ...changes,
});

export const shardRow = (changes: Partial<ShardRow> = {}): ShardRow => ({
  shardId: SHARD,
  startsAt: '1',
  parents: [],
  position: TRIM_HORIZON,
  owner: null,
  token: 0,
  handOffTo: null,
  ...changes,
});

/** What {@link LeaseStore} wants, by the name of the method. */
export type WriteOf<Method extends keyof LeaseStore> = LeaseStore[Method] extends
  | ((write: infer Write) => unknown)
  | undefined
  ? Write
  : never;

export const newShard = (changes: Partial<NewShard> = {}): NewShard => ({
  shardId: SHARD,
  startsAt: '1',
  parents: [],
  position: TRIM_HORIZON,
  ...changes,
});

/** By default the first beat of Alice. */
export const beatWrite = (changes: Partial<WriteOf<'beat'>> = {}): WriteOf<'beat'> => ({
  session: ALICE,
  beat: 1,
  state: 'live',
  maxShards: null,
  ...changes,
});

/** By default the first take of a free shard, by Alice. */
export const takeWrite = (changes: Partial<WriteOf<'take'>> = {}): WriteOf<'take'> => ({
  shardId: SHARD,
  seenOwner: null,
  seenToken: 0,
  me: ALICE,
  token: 1,
  salvage: null,
  ...changes,
});

/** By default Bob wants what Alice holds with token 1. */
export const markWrite = (changes: Partial<WriteOf<'mark'>> = {}): WriteOf<'mark'> => ({
  shardId: SHARD,
  seenOwner: ALICE,
  seenToken: 1,
  seenHandOffTo: null,
  handOffTo: BOB,
  ...changes,
});

/** By default of Alice, who holds the shard with token 1. */
export const ownerWrite = (changes: Partial<OwnerWrite> = {}): OwnerWrite => ({
  shardId: SHARD,
  me: ALICE,
  token: 1,
  position: MIDDLE,
  ...changes,
});
