// The command line of the benchmarks: every check and every default.

import { parseArgs } from 'node:util';
import type { PlanOverrides } from './scenario.ts';

/** What the command line has to know of a scenario. */
export interface NamedScenario {
  readonly name: string;
  readonly variants: readonly { readonly name: string }[];
  readonly sides: readonly { readonly name: string }[];
}

export interface BenchOptions extends PlanOverrides {
  readonly scenario: string;
  /** Empty: all. */
  readonly variants: readonly string[];
  /** Empty: all. */
  readonly sides: readonly string[];
  readonly iterations: number;
  /** Folder of the results. */
  readonly out: string;
  readonly dryRun: boolean;
}

export const USAGE = `Usage: npm run bench -- [options]

  --scenario <name>   what to measure (default: the first one)
  --variant <name>    only this variant; may be repeated
  --side <name>       only this side; may be repeated
  --records <n>       user records to measure in each run (default: the variant's); only of canned-pages, as the next two
  --warm-up <n>       user records before those (default: a page of every shard, at least 20 000)
  --shards <n>        shards of the stream (default: the variant's)
  --iterations <n>    runs of each side (default: 5)
  --out <folder>      where the JSON and Markdown files go (default: bench/results)
  --dry-run           check the options and print what would be run
  --help              print this`;

/** What the user got wrong; the message is all there is to say. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const MAX_COUNT = 1_000_000_000;

/** Null for `--help`. Throws UsageError. */
export function parseOptions(
  argv: readonly string[],
  scenarios: readonly NamedScenario[],
): BenchOptions | null {
  const values = parse(argv);
  if (values.help) return null;
  const names = scenarios.map(({ name }) => name);
  const name = values.scenario ?? names[0];
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw unknown('scenario', values.scenario, names);
  return {
    scenario: scenario.name,
    variants: known('variant', values.variant, scenario.variants),
    sides: known('side', values.side, scenario.sides),
    records: count('records', values.records, 1),
    warmUp: count('warm-up', values['warm-up'], 0),
    shards: count('shards', values.shards, 1, 10_000),
    iterations: count('iterations', values.iterations, 1, 1_000) ?? 5,
    out: folder(values.out),
    dryRun: values['dry-run'],
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      allowPositionals: false,
      options: {
        scenario: { type: 'string' },
        variant: { type: 'string', multiple: true, default: [] as string[] },
        side: { type: 'string', multiple: true, default: [] as string[] },
        records: { type: 'string' },
        'warm-up': { type: 'string' },
        shards: { type: 'string' },
        iterations: { type: 'string' },
        out: { type: 'string', default: 'bench/results' },
        'dry-run': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function known(
  option: string,
  given: readonly string[],
  all: readonly { readonly name: string }[],
): readonly string[] {
  const names = all.map(({ name }) => name);
  for (const name of given) if (!names.includes(name)) throw unknown(option, name, names);
  return given;
}

function unknown(option: string, got: string | undefined, names: readonly string[]): UsageError {
  return new UsageError(`Expected \`--${option}\` to be one of ${names.join(', ')}, got \`${got}\``);
}

/** Null when it is not given. */
function count(option: string, given: string | undefined, min: number, max = MAX_COUNT): number | null {
  if (given === undefined) return null;
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`Expected \`--${option}\` to be an integer from ${min} to ${max}, got \`${given}\``);
  }
  return value;
}

function folder(given: string): string {
  if (given === '') throw new UsageError('Expected `--out` to be a folder, got ``');
  return given;
}
