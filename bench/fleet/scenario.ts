// A scenario of several instances, as data: experiments with processes that share a store.

import type { FleetStoreName } from '../../test/integration/fleet-store.ts';
import type { NamedTrials } from '../trials/scenario.ts';

export type Experiment =
  /** SIGKILL for `kills` of them, `rounds` times. */
  | {
      readonly kind: 'kill';
      readonly instances: number;
      readonly kills: number;
      readonly rounds: number;
      readonly shards: number;
    }
  /** SIGTERM for one of two, `rounds` times. */
  | { readonly kind: 'stop'; readonly shards: number; readonly rounds: number }
  /** Instances join the first one; then nothing is to move for a while. */
  | {
      readonly kind: 'join';
      readonly instances: number;
      readonly shards: number;
      readonly oneByOne: boolean;
      readonly idleMs: number;
    }
  /** Each is stopped and started again. */
  | { readonly kind: 'restart'; readonly instances: number; readonly shards: number }
  /** The store does not answer for so long. */
  | {
      readonly kind: 'away';
      readonly instances: number;
      readonly shards: number;
      readonly awayMs: number;
    }
  /** Nothing is written to the stream, and what reaches the store is counted. */
  | { readonly kind: 'cost'; readonly instances: number; readonly shards: number; readonly forMs: number };

export interface FleetVariant {
  readonly name: FleetStoreName;
  readonly title: string;
}

export interface FleetSide {
  readonly name: string;
  readonly title: string;
  readonly experiment: Experiment;
}

export type FleetScenario = NamedTrials<FleetVariant, FleetSide, string>;
