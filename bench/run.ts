// npm run bench

import { parseOptions, USAGE, UsageError, type BenchOptions } from './options.ts';
import { toMarkdown, writeResult } from './report.ts';
import { chosen, runScenario } from './runner.ts';
import { planOf, type Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv, SCENARIOS);
  if (options === null) {
    console.log(USAGE);
    return;
  }
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario)!;
  if (options.dryRun) {
    console.log(JSON.stringify(describe(scenario, options), null, 2));
    return;
  }
  const result = await runScenario(scenario, options, (line) => console.error(line));
  console.log(toMarkdown(result));
  const files = await writeResult(result, options.out);
  console.log(`Written to ${files.json} and ${files.markdown}`);
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
