// Process of one run of one side. Alone, for a profiler: node --cpu-prof dist/bench/processes/side.js '<job as JSON>'

import { runApiLoop } from '../sides/api-loop.ts';
import type { Job } from '../sides/job.ts';
import { runSdkLoop } from '../sides/sdk-loop.ts';
import { runShardpool } from '../sides/shardpool.ts';
import type { Run } from '../figures.ts';
import { argument, reply } from './child.ts';

function run(job: Job): Promise<Run> {
  const { side } = job;
  switch (side.kind) {
    case 'shardpool':
      return runShardpool(job, side.handlerThreads);
    case 'sdk-loop':
      return runSdkLoop(job);
    case 'api-loop':
      return runApiLoop(job);
    default:
      throw side satisfies never;
  }
}

reply(await run(argument() as Job));
