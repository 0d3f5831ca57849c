// A scenario of trials, as data: a stream, and consumers that read it in different ways, one process each.

import type { ManyShardsFigures, ManyShardsTrial } from './many-shards-trial.ts';
import type { MemoryFigures, MemoryTrial } from './memory-trial.ts';
import type { StreamSpec } from './stream.ts';

type WithoutStream<Trial> = Omit<Trial, 'source' | 'contents' | 'shards'>;

export interface TrialVariant {
  readonly name: string;
  readonly title: string;
  readonly stream: StreamSpec;
  /** Of records that were packed by a producer library. */
  readonly isAggregated: boolean;
}

export interface TrialSide {
  readonly name: string;
  readonly title: string;
  readonly trial: WithoutStream<MemoryTrial> | WithoutStream<ManyShardsTrial>;
}

export interface TrialScenario {
  readonly name: string;
  readonly title: string;
  readonly variants: readonly TrialVariant[];
  readonly sides: readonly TrialSide[];
  /** Name of the side that ratios are taken to. */
  readonly baseline: string;
  /** Columns of the report. */
  readonly figures: readonly {
    readonly key: keyof MemoryFigures | keyof ManyShardsFigures;
    readonly title: string;
  }[];
}
