// The result as Markdown for people and as files for both people and programs.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FIGURES, type FigureName } from './figures.ts';
import type { ScenarioResult, SideResult, VariantResult } from './runner.ts';

export function toMarkdown(result: ScenarioResult): string {
  const { machine, options } = result;
  return [
    `# ${result.title}`,
    '',
    `${result.takenAt} · ${machine.cores} cores (${machine.cpu}) · Node ${machine.node} · client-kinesis ${machine.awsSdk} · ` +
      `load before ${machine.loadBefore.toFixed(1)}`,
    '',
    `Medians of ${options.iterations} runs, smallest and largest in brackets; × is the ratio of medians to \`${result.baseline}\`.`,
    ...result.variants.flatMap((variant) => ['', ...variantLines(variant)]),
    '',
  ].join('\n');
}

function variantLines({ name, title, plan, sides }: VariantResult): string[] {
  const round = plan.measured.toLocaleString('en');
  return [
    `## ${name}: ${title}`,
    '',
    `${round} user records measured after ${plan.warmUp.toLocaleString('en')}, ${plan.shards} shards.`,
    '',
    `| side | ${FIGURES.map(({ title: column }) => `${column} | ×`).join(' | ')} |`,
    `|---|${FIGURES.map(() => '--:|--:|').join('')}`,
    ...sides.map(sideLine),
  ];
}

function sideLine(side: SideResult): string {
  return `| ${side.title} | ${FIGURES.map((figure) => cells(side, figure)).join(' | ')} |`;
}

function cells({ summaries, ratios }: SideResult, { key, digits }: FigureName): string {
  const { median, min, max } = summaries[key];
  const show = (value: number) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const ratio = ratios === null ? '' : ratios[key].toFixed(2);
  return `**${show(median)}** (${show(min)}–${show(max)}) | ${ratio}`;
}

export interface WrittenFiles {
  readonly json: string;
  readonly markdown: string;
}

export function writeResult(result: ScenarioResult, folder: string): Promise<WrittenFiles> {
  return writeFiles(result, toMarkdown(result), folder);
}

/** Into a folder, which is made if it is missing; earlier results stay. */
export async function writeFiles(
  result: { readonly scenario: string; readonly takenAt: string },
  markdown: string,
  folder: string,
): Promise<WrittenFiles> {
  await mkdir(folder, { recursive: true });
  const base = join(folder, `${result.scenario}-${result.takenAt.replaceAll(/[:.]/g, '-')}`);
  const files = { json: `${base}.json`, markdown: `${base}.md` };
  await writeFile(files.json, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(files.markdown, markdown);
  return files;
}
