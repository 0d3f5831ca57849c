// npm run bench

import { parseOptions, USAGE, UsageError, type BenchOptions } from './options.ts';
import { toMarkdown, writeFiles, writeResult, type WrittenFiles } from './report.ts';
import { chosen, runScenario } from './runner.ts';
import { planOf, type Scenario } from './scenario.ts';
import { runFleet } from './fleet/runner.ts';
import { runPlan } from './planning/runner.ts';
import { FLEET_SCENARIOS, PLAN_SCENARIOS, SCENARIOS, TRIAL_SCENARIOS } from './scenarios/index.ts';
import { type Figures, type Named, runTrial, runTrials, trialsToMarkdown } from './trials/runner.ts';
import type { NamedTrials } from './trials/scenario.ts';

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv, [
    ...SCENARIOS,
    ...TRIAL_SCENARIOS,
    ...PLAN_SCENARIOS,
    ...FLEET_SCENARIOS,
  ]);
  if (options === null) {
    console.log(USAGE);
    return;
  }
  const trialScenario = TRIAL_SCENARIOS.find(({ name }) => name === options.scenario);
  if (trialScenario !== undefined) {
    await trials(trialScenario, runTrial, options);
    return;
  }
  const planScenario = PLAN_SCENARIOS.find(({ name }) => name === options.scenario);
  if (planScenario !== undefined) {
    await trials(planScenario, runPlan, options);
    return;
  }
  const fleetScenario = FLEET_SCENARIOS.find(({ name }) => name === options.scenario);
  if (fleetScenario !== undefined) {
    await trials(fleetScenario, runFleet, options);
    return;
  }
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario)!;
  if (options.dryRun) {
    console.log(JSON.stringify(describe(scenario, options), null, 2));
    return;
  }
  const result = await runScenario(scenario, options, (line) => console.error(line));
  console.log(toMarkdown(result));
  sayWritten(await writeResult(result, options.out));
}

async function trials<Variant extends Named, Side extends Named>(
  scenario: NamedTrials<Variant, Side, string>,
  run: (variant: Variant, side: Side) => Promise<Figures>,
  options: BenchOptions,
): Promise<void> {
  if (options.dryRun) {
    const variants = chosen(scenario.variants, options.variants);
    console.log(JSON.stringify({ options, variants, sides: chosen(scenario.sides, options.sides) }, null, 2));
    return;
  }
  const result = await runTrials(scenario, run, options, (line) => console.error(line));
  const markdown = trialsToMarkdown(result);
  console.log(markdown);
  sayWritten(await writeFiles(result, markdown, options.out));
}

function sayWritten({ json, markdown }: WrittenFiles): void {
  console.log(`Written to ${json} and ${markdown}`);
}

/** What `--dry-run` prints. */
function describe(scenario: Scenario, options: BenchOptions) {
  return {
    options,
    variants: chosen(scenario.variants, options.variants).map((variant) => ({
      ...variant,
      plan: planOf(variant, options),
    })),
    sides: chosen(scenario.sides, options.sides),
    baseline: scenario.baseline,
  };
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 1;
}
