// A storm by a seed: how the stream changes, what fails, which threads die, and when the consumer is replaced.

import { integerFrom, oneOf, type Random, seededRandom } from '../fakes/random.ts';
import { moduleUrl } from './consumer-run.ts';
import type { Storm, StormParts } from './storm.ts';
import type { Deadly } from './ways-to-die.ts';
import { keysOf } from './writing.ts';

const MOST_SHARDS = 8;
const WAYS = ['exit', 'throw', 'rejection'] as const;

interface Death extends Deadly {
  readonly atRound: number;
}

export interface RandomPlan {
  readonly seed: number;
  readonly shards: number;
  readonly rounds: number;
  readonly reshards: number;
  readonly faults: number;
  readonly deaths: readonly Death[];
  /** The rounds ahead of which the consumer is stopped and another one started. */
  readonly restarts: readonly number[];
  readonly parts: Omit<StormParts, 'server' | 'stream'>;
}

export function randomPlan(seed: number): RandomPlan {
  const random = seededRandom(seed);
  const rounds = integerFrom(random, 15, 30);
  const handlerThreads = oneOf(random, [0, 2]);
  const kinds = handlerThreads === 0 ? (['fetch'] as const) : (['fetch', 'handler'] as const);
  const deaths = Array.from({ length: integerFrom(random, 0, 3) }, () => ({
    atRound: integerFrom(random, 0, rounds - 1),
    kind: oneOf(random, kinds),
    way: oneOf(random, WAYS),
  }));
  const died = new SharedArrayBuffer(Math.max(1, deaths.length) * Int32Array.BYTES_PER_ELEMENT);
  return {
    seed,
    shards: integerFrom(random, 1, 4),
    rounds,
    reshards: integerFrom(random, 2, 6),
    faults: oneOf(random, [0, 0.05, 0.15]),
    deaths,
    restarts: random() < 0.5 ? [integerFrom(random, 3, rounds - 1)] : [],
    parts: {
      keys: keysOf(100),
      roundsAhead: integerFrom(random, 2, 15),
      handler: { module: 'stormy', params: { seed, pauseMs: oneOf(random, [0, 30, 150]) } },
      options: {
        handlerThreads,
        threads: integerFrom(random, 1, 2),
        processor: { module: moduleUrl('processors', 'mortal'), options: { died, deaths: 1 } },
        batch: { maxRecords: oneOf(random, [7, 50, 200]) },
        recordLimit: oneOf(random, [150, 1_000, 10_000]),
        shardRefreshIntervalMs: oneOf(random, [500, 2_000, 600_000]),
      },
    },
  };
}

/** Splits, merges or scales the stream as it is by then. */
export async function reshardAtRandom(storm: Storm, random: Random): Promise<void> {
  const { simulator } = storm.server;
  const open = await storm.openShards();
  const kinds = [
    'scale',
    ...(open.length > 1 ? ['merge'] : []),
    ...(open.length < MOST_SHARDS ? ['split'] : []),
  ];
  switch (oneOf(random, kinds)) {
    case 'split':
      await simulator.split(storm.stream, oneOf(random, open));
      break;
    case 'merge': {
      const lower = integerFrom(random, 0, open.length - 2);
      await simulator.merge(storm.stream, open[lower]!, open[lower + 1]!);
      break;
    }
    default: {
      const counts = Array.from({ length: MOST_SHARDS }, (_, i) => i + 1);
      const allowed = counts.filter((n) => n !== open.length && n >= open.length / 2 && n <= open.length * 2);
      await simulator.scale(storm.stream, oneOf(random, allowed));
    }
  }
}

/** A record that ends the thread which meets it, once. */
export async function writeDeadly(storm: Storm, key: string, deadly: Deadly, cell: number): Promise<void> {
  const n = storm.audit.write(key);
  const data = Buffer.from(JSON.stringify({ key, n, deadly, cell }));
  await storm.server.put(storm.stream, [{ partitionKey: key, data }]);
}
