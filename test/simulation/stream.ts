// The stream of a simulation: shards with records in order, splits and merges, and listings that may be old.

import type { ShardListing } from '../../src/kinesis/api.ts';
import { type Position, sequencePosition, SHARD_END, TRIM_HORIZON } from '../../src/model/position.ts';
import type { Shard } from '../../src/model/shard.ts';
import { type Random, integerFrom, oneOf } from '../fakes/random.ts';
import type { TrueTime } from './true-time.ts';

export interface SimShard {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly startsAt: string;
  readonly createdAt: number;
  /** Gets no records. */
  readonly isSilent: boolean;
  closedAt: number;
  /** Retention took it, and listings lack it. */
  goneAt: number;
  /** Of its records, in order. */
  readonly positions: Position[];
  readonly numbers: Map<Position, number>;
  /** Called once, when there is a record or an end. */
  waiters: (() => void)[];
}

export type Stream = ReturnType<typeof createStream>;

export function createStream(time: TrueTime, random: Random, initial: number, silent: number) {
  const shards = new Map<string, SimShard>();

  const open = () => [...shards.values()].filter(({ closedAt }) => closedAt === Infinity);

  const wake = (shard: SimShard) => {
    const { waiters } = shard;
    shard.waiters = [];
    for (const waiter of waiters) waiter();
  };

  const create = (parents: readonly string[]): SimShard => {
    const number = shards.size;
    const shard: SimShard = {
      shardId: `shard-${String(number).padStart(3, '0')}`,
      parents,
      startsAt: String(1_000_000 * (number + 1)),
      createdAt: time.now,
      isSilent: random() < silent,
      closedAt: Infinity,
      goneAt: Infinity,
      positions: [],
      numbers: new Map<Position, number>([[TRIM_HORIZON, 0]]),
      waiters: [],
    };
    shards.set(shard.shardId, shard);
    return shard;
  };

  const put = (shard: SimShard) => {
    const position = sequencePosition(String(Number(shard.startsAt) + shard.positions.length), 0);
    shard.positions.push(position);
    shard.numbers.set(position, shard.positions.length);
    wake(shard);
  };

  const close = (shard: SimShard) => {
    shard.closedAt = time.now;
    wake(shard);
  };

  for (let i = 0; i < initial; i += 1) create([]);

  return {
    shards,
    wake,
    /** How many records lie up to and including the position. */
    countUpTo(shard: SimShard, position: Position): number {
      if (position === SHARD_END) return shard.positions.length;
      const count = shard.numbers.get(position);
      if (count === undefined) throw new Error(`${position} is no position of ${shard.shardId}`);
      return count;
    },
    /** Records for some of the open shards. */
    produce() {
      for (const shard of open()) if (random() < 0.5 && !shard.isSilent) put(shard);
    },
    split(): string {
      const parent = oneOf(random, open());
      close(parent);
      const children = [create([parent.shardId]), create([parent.shardId])];
      return `${parent.shardId} -> ${children.map(({ shardId }) => shardId).join(', ')}`;
    },
    merge(): string {
      const among = open();
      if (among.length < 2) return 'nothing to merge';
      const at = integerFrom(random, 0, among.length - 2);
      const parents = [among[at]!, among[at + 1]!];
      for (const parent of parents) close(parent);
      const child = create(parents.map(({ shardId }) => shardId));
      return `${parents.map(({ shardId }) => shardId).join(', ')} -> ${child.shardId}`;
    },
    listing(at: number): ShardListing {
      const listed: Shard[] = [];
      for (const { shardId, parents, startsAt, createdAt, closedAt, goneAt } of shards.values()) {
        if (createdAt > at || goneAt <= at) continue;
        listed.push({
          shardId,
          parentShardId: parents[0] ?? null,
          adjacentParentShardId: parents[1] ?? null,
          startingSequenceNumber: startsAt,
          endingSequenceNumber: closedAt <= at ? `${startsAt}9` : null,
          startingHashKey: '0',
          endingHashKey: '1',
        });
      }
      return { shards: listed, serverTimeMs: 1_700_000_000_000 };
    },
  };
}
