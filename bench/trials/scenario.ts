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

/** What there is to measure: each side with each variant. */
export interface NamedTrials<Variant, Side, Figure extends string> {
  readonly name: string;
  readonly title: string;
  readonly variants: readonly Variant[];
  readonly sides: readonly Side[];
  /** Name of the side that ratios are taken to. */
  readonly baseline: string;
  /** Columns of the report. */
  readonly figures: readonly { readonly key: Figure; readonly title: string }[];
}

export type TrialScenario = NamedTrials<
  TrialVariant,
  TrialSide,
  keyof MemoryFigures | keyof ManyShardsFigures
>;
