// Changes the shards while the demo runs: splits one after a quarter of the records, merges two after half of them.

import type { Simulator } from '../../testing/index.ts';

export interface Resharding {
  /** Looks whether a change is due. At most one goes on at a time. */
  look(handled: number): void;
  /** Resolves when all that is due is done; rejects with what failed. */
  settled(): Promise<void>;
  /** Open shards now. */
  readonly open: number;
  /** What was done, in words. */
  readonly changes: readonly string[];
}

export function createResharding(
  simulator: Pick<Simulator, 'shards' | 'split' | 'merge'>,
  stream: string,
  parts: { readonly shards: number; readonly records: number; readonly note: (line: string) => void },
): Resharding {
  let open = parts.shards;
  const changes: string[] = [];
  let work: Promise<void> = Promise.resolve();

  const openShards = async () => {
    const shards = (await simulator.shards(stream)).filter((shard) => shard.endingSequenceNumber === null);
    // Neighbours in hash keys are neighbours in the list.
    return shards.sort((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1));
  };
  const done = (change: string, count: number) => {
    open += count;
    changes.push(change);
    parts.note(change);
  };
  const split = async () => {
    const [first] = await openShards();
    const children = await simulator.split(stream, first!.shardId);
    done(`${first!.shardId} is split into ${children.join(' and ')}`, 1);
  };
  const merge = async () => {
    // The last two: one of them is a child of the split, so that its lineage has three generations.
    const [left, right] = (await openShards()).slice(-2);
    const child = await simulator.merge(stream, left!.shardId, right!.shardId);
    done(`${left!.shardId} and ${right!.shardId} are merged into ${child}`, -1);
  };
  const due = [
    { after: Math.ceil(parts.records / 4), change: split },
    { after: Math.ceil(parts.records / 2), change: merge },
  ];

  return {
    look(handled) {
      for (let next = due[0]; next !== undefined && handled >= next.after; next = due[0]) {
        due.shift();
        work = work.then(next.change);
        // Whoever waits for `settled` sees the failure; until then it is not unhandled.
        work.catch(() => undefined);
      }
    },
    settled: () => work,
    get open() {
      return open;
    },
    changes,
  };
}
