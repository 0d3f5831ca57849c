// Runs a scenario of trials: the sides in turn, each in a fresh process; consumers with a fresh stream in another one.

import { describeMachine, type Machine } from '../machine.ts';
import type { BenchOptions } from '../options.ts';
import type { Trial } from '../processes/trial.ts';
import { startChild } from '../processes/start.ts';
import { chosen } from '../runner.ts';
import type { Source } from '../sides/job.ts';
import { type Summary, summarize } from '../statistics.ts';
import type { NamedTrials, TrialSide, TrialVariant } from './scenario.ts';
import { contentsOf } from './stream.ts';

export type Figures = Readonly<Record<string, number>>;

export interface Named {
  readonly name: string;
  readonly title: string;
}

export interface TrialsResult {
  readonly scenario: string;
  readonly title: string;
  readonly baseline: string;
  readonly takenAt: string;
  readonly machine: Machine;
  readonly columns: NamedTrials<never, never, string>['figures'];
  readonly iterations: number;
  readonly variants: readonly {
    readonly name: string;
    readonly title: string;
    readonly sides: readonly {
      readonly name: string;
      readonly title: string;
      readonly runs: readonly Figures[];
    }[];
  }[];
}

const SERVER_DEADLINE_MS = 120_000;
const TRIAL_DEADLINE_MS = 600_000;

export async function runTrials<Variant extends Named, Side extends Named>(
  scenario: NamedTrials<Variant, Side, string>,
  run: (variant: Variant, side: Side) => Promise<Figures>,
  options: Pick<BenchOptions, 'variants' | 'sides' | 'iterations'>,
  log: (line: string) => void,
): Promise<TrialsResult> {
  const machine = describeMachine();
  const takenAt = new Date().toISOString();
  const variants: TrialsResult['variants'][number][] = [];
  for (const variant of chosen(scenario.variants, options.variants)) {
    const sides = chosen(scenario.sides, options.sides).map((side) => ({ side, runs: [] as Figures[] }));
    // In turn, not one side after the other: a slow minute of the machine hits all of them.
    for (let iteration = 1; iteration <= options.iterations; iteration += 1) {
      for (const { side, runs } of sides) {
        runs.push(await run(variant, side));
        log(`${variant.name} ${iteration}/${options.iterations} ${side.name}`);
      }
    }
    const { name, title } = variant;
    variants.push({
      name,
      title,
      sides: sides.map(({ side, runs }) => ({ name: side.name, title: side.title, runs })),
    });
  }
  const { name, title, baseline, figures: columns } = scenario;
  return {
    scenario: name,
    title,
    baseline,
    takenAt,
    machine,
    columns,
    iterations: options.iterations,
    variants,
  };
}

export async function runTrial(
  { stream, isAggregated }: TrialVariant,
  { trial }: TrialSide,
): Promise<Figures> {
  const server = await startChild<Source>('stream-server', stream, SERVER_DEADLINE_MS);
  try {
    const source = server.reply;
    const given: Trial =
      trial.kind === 'memory'
        ? {
            ...trial,
            options: { ...trial.options, processor: isAggregated ? 'kpl-string' : 'bytes' },
            source,
            contents: contentsOf(stream),
          }
        : { ...trial, source, shards: stream.shards };
    const child = await startChild<Figures>('trial', given, TRIAL_DEADLINE_MS);
    await child.end();
    return child.reply;
  } finally {
    await server.end();
  }
}

export function trialsToMarkdown(result: TrialsResult): string {
  const { machine, columns, baseline, iterations } = result;
  const lines = [
    `# ${result.title}`,
    '',
    `${result.takenAt} · ${machine.cores} cores (${machine.cpu}) · Node ${machine.node} · load before ${machine.loadBefore.toFixed(1)}`,
    '',
    `Medians of ${iterations} runs, smallest and largest in brackets; × is the ratio of medians to \`${baseline}\`.`,
  ];
  for (const { name, title, sides } of result.variants) {
    lines.push('', `## ${name}: ${title}`, '');
    lines.push(`| side | ${columns.map((column) => `${column.title} | ×`).join(' | ')} |`);
    lines.push(`|---|${columns.map(() => '--:|--:|').join('')}`);
    const base = sides.find((side) => side.name === baseline);
    for (const side of sides) {
      const cells = columns.map(({ key }) => {
        const own = summaryOf(side.runs, key);
        const ratio = base === undefined ? '' : (own.median / summaryOf(base.runs, key).median).toFixed(2);
        return `**${show(own.median)}** (${show(own.min)}–${show(own.max)}) | ${ratio}`;
      });
      lines.push(`| ${side.title} | ${cells.join(' | ')} |`);
    }
  }
  return [...lines, ''].join('\n');
}

function summaryOf(runs: readonly Figures[], key: string): Summary {
  return summarize(runs.map((run) => run[key] ?? Number.NaN));
}

function show(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}
