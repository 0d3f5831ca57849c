// Process of one trial: a consumer alone, so that its memory and CPU are those of the process; or a fresh V8 for a plan.

import { type PlanFigures, type PlanTrial, runPlanTrial } from '../planning/plan-trial.ts';
import {
  type ManyShardsFigures,
  type ManyShardsTrial,
  runManyShardsTrial,
} from '../trials/many-shards-trial.ts';
import { type MemoryFigures, type MemoryTrial, runMemoryTrial } from '../trials/memory-trial.ts';
import { argument, reply } from './child.ts';

export type Trial = MemoryTrial | ManyShardsTrial | PlanTrial;

function run(trial: Trial): Promise<MemoryFigures | ManyShardsFigures> | PlanFigures {
  switch (trial.kind) {
    case 'memory':
      return runMemoryTrial(trial);
    case 'many-shards':
      return runManyShardsTrial(trial);
    case 'plan':
      return runPlanTrial(trial);
    default:
      throw trial satisfies never;
  }
}

reply(await run(argument() as Trial));
