// Process of one trial: a consumer alone, so that its memory and CPU are those of the process.

import {
  type ManyShardsFigures,
  type ManyShardsTrial,
  runManyShardsTrial,
} from '../trials/many-shards-trial.ts';
import { type MemoryFigures, type MemoryTrial, runMemoryTrial } from '../trials/memory-trial.ts';
import { argument, reply } from './child.ts';

export type Trial = MemoryTrial | ManyShardsTrial;

function run(trial: Trial): Promise<MemoryFigures | ManyShardsFigures> {
  switch (trial.kind) {
    case 'memory':
      return runMemoryTrial(trial);
    case 'many-shards':
      return runManyShardsTrial(trial);
    default:
      throw trial satisfies never;
  }
}

reply(await run(argument() as Trial));
