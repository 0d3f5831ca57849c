// Runs a scenario: one simulator per variant, then the sides in turn, each run in a fresh process.

import { type Ratios, ratiosOf, type Run, type Summaries, summariesOf } from './figures.ts';
import { describeMachine, type Machine } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { startChild } from './processes/start.ts';
import { type Plan, planOf, type Scenario, type Side, type Variant } from './scenario.ts';
import type { Job, Source } from './sides/job.ts';
import type { CannedOptions } from '../src/testing/index.ts';

export interface SideResult {
  readonly name: string;
  readonly title: string;
  readonly runs: readonly Run[];
  readonly summaries: Summaries;
  /** To the baseline; null when it was not run. */
  readonly ratios: Ratios | null;
}

export interface VariantResult {
  readonly name: string;
  readonly title: string;
  readonly plan: Plan;
  readonly sides: readonly SideResult[];
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  readonly baseline: string;
  readonly takenAt: string;
  readonly machine: Machine;
  readonly options: BenchOptions;
  readonly variants: readonly VariantResult[];
}

/** Each run gets at least so long; nothing here takes a tenth of it. */
const RUN_DEADLINE_MS = 300_000;
const SIMULATOR_DEADLINE_MS = 30_000;

/** Rejects when a run fails, or when the sides did not all see the same records. `log` gets a line per run. */
export async function runScenario(
  scenario: Scenario,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<ScenarioResult> {
  const machine = describeMachine();
  const takenAt = new Date().toISOString();
  const variants: VariantResult[] = [];
  for (const variant of chosen(scenario.variants, options.variants)) {
    variants.push(await runVariant(scenario, variant, options, log));
  }
  const { name, title, baseline } = scenario;
  return { scenario: name, title, baseline, takenAt, machine, options, variants };
}

/** All of them when none is named. */
export function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[],
): T[] {
  return all.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function runVariant(
  scenario: Scenario,
  variant: Variant,
  options: BenchOptions,
  log: (line: string) => void,
): Promise<VariantResult> {
  const plan = planOf(variant, options);
  const sides = chosen(scenario.sides, options.sides).map((side) => ({ side, runs: [] as Run[] }));
  const simulator = await startChild<Source>(
    'simulator',
    cannedOptions(variant, plan),
    SIMULATOR_DEADLINE_MS,
  );
  try {
    // In turn, not one side after the other: a slow minute of the machine hits all of them.
    for (let iteration = 1; iteration <= options.iterations; iteration += 1) {
      for (const { side, runs } of sides) {
        const run = await runSide({ side, variant, plan, source: simulator.reply });
        runs.push(run);
        const cpu = ((run.userUs + run.systemUs) / run.records).toFixed(2);
        log(`${variant.name} ${iteration}/${options.iterations} ${side.name}: ${cpu} µs CPU a record`);
      }
    }
  } finally {
    await simulator.end();
  }
  checkSameRecords(variant, plan, sides);
  const summaries = sides.map(({ side, runs }) => ({ side, runs, summaries: summariesOf(runs) }));
  const baseline = summaries.find(({ side }) => side.name === scenario.baseline)?.summaries ?? null;
  return {
    name: variant.name,
    title: variant.title,
    plan,
    sides: summaries.map(({ side: { name, title }, runs, summaries: own }) => ({
      name,
      title,
      runs,
      summaries: own,
      ratios: baseline === null ? null : ratiosOf(own, baseline),
    })),
  };
}

function cannedOptions(variant: Variant, plan: Plan): CannedOptions {
  const { recordsPerPage, recordBytes, userRecordsPerRecord } = variant;
  return {
    shards: plan.shards,
    pages: plan.pagesPerShard,
    recordsPerPage,
    recordBytes,
    ...(userRecordsPerRecord === null ? {} : { aggregate: 'kpl', userRecordsPerRecord }),
  };
}

async function runSide(job: Job): Promise<Run> {
  const child = await startChild<Run>('side', job, RUN_DEADLINE_MS);
  await child.end();
  return child.reply;
}

/** A side that reads less, or twice, would look fast. */
function checkSameRecords(
  variant: Variant,
  plan: Plan,
  sides: readonly { readonly side: Side; readonly runs: readonly Run[] }[],
): void {
  const expected = sides[0]?.runs[0]?.checksum;
  for (const { side, runs } of sides) {
    for (const { totalRecords, checksum } of runs) {
      if (totalRecords === plan.total && checksum === expected) continue;
      throw new Error(
        `The side '${side.name}' saw other records of '${variant.name}': ${totalRecords} of ${plan.total}, ` +
          `checksum ${checksum} instead of ${expected}`,
      );
    }
  }
}
