// A scenario of plans, as data: sizes, and tables in different states.

import type { NamedTrials } from '../trials/scenario.ts';
import type { PlanFigures, PlanTrial } from './plan-trial.ts';

export interface PlanVariant extends Pick<PlanTrial, 'shards' | 'sessions'> {
  readonly name: string;
  readonly title: string;
}

export interface PlanSide extends Pick<PlanTrial, 'table'> {
  readonly name: string;
  readonly title: string;
}

export type PlanScenario = NamedTrials<PlanVariant, PlanSide, keyof PlanFigures>;
