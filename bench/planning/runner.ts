// One plan trial in a process of its own, so that the first call finds nothing compiled.

import { startChild } from '../processes/start.ts';
import type { Figures } from '../trials/runner.ts';
import type { PlanTrial } from './plan-trial.ts';
import type { PlanSide, PlanVariant } from './scenario.ts';

const DEADLINE_MS = 60_000;

export async function runPlan({ shards, sessions }: PlanVariant, { table }: PlanSide): Promise<Figures> {
  const trial: PlanTrial = { kind: 'plan', table, shards, sessions };
  const child = await startChild<Figures>('trial', trial, DEADLINE_MS);
  await child.end();
  return child.reply;
}
