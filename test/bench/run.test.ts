// The benchmarks end to end, with so few records that no time means anything: only that every side runs and agrees.

import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { FIGURES } from '../../bench/figures.ts';
import { parseOptions } from '../../bench/options.ts';
import { runScenario, type ScenarioResult, type VariantResult } from '../../bench/runner.ts';
import { CANNED_PAGES } from '../../bench/scenarios/canned-pages.ts';
import { SCENARIOS } from '../../bench/scenarios/index.ts';

const RUN = fileURLToPath(
  new URL(`../../bench/run.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...argv: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [RUN, ...argv]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

const namesOf = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);

function expectSides({ sides, plan }: VariantResult, names: readonly string[]): void {
  expect(namesOf(sides)).to.deep.equal(names);
  for (const { runs, summaries, ratios } of sides) {
    expect(runs).to.have.length(1);
    expect(runs[0]!.records).to.be.at.least(2_000);
    expect(runs[0]!.totalRecords).to.equal(plan.total);
    expect(runs[0]!.checksum).to.equal(sides[0]!.runs[0]!.checksum);
    for (const { key } of FIGURES) {
      expect(summaries[key].median, key).to.be.within(Number.MIN_VALUE, Number.MAX_VALUE);
      expect(ratios?.[key], key).to.be.within(Number.MIN_VALUE, Number.MAX_VALUE);
    }
  }
}

describe('npm run bench', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'shardpool-bench-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('runs every side on the same records and writes JSON and Markdown', async () => {
    const small = ['--records', '2000', '--warm-up', '1000', '--shards', '8', '--iterations', '1'];
    const { code, stdout, stderr } = await bench('--variant', 'json-300', ...small, '--out', folder);
    expect(code, stderr).to.equal(0);

    const files = (await readdir(folder)).sort();
    expect(files.map((name) => name.slice(name.lastIndexOf('.')))).to.deep.equal(['.json', '.md']);
    expect(stdout).to.contain(await readFile(join(folder, files[1]!), 'utf8'));
    const result = JSON.parse(await readFile(join(folder, files[0]!), 'utf8')) as ScenarioResult;
    expect(result).to.include({ scenario: 'canned-pages', baseline: 'sdk-loop' });
    expect(result.machine).to.include({ node: process.version });
    expect(result.options).to.include({ records: 2_000, iterations: 1 });
    expect(result.variants.map(({ name }) => name)).to.deep.equal(['json-300']);
    expectSides(result.variants[0]!, namesOf(CANNED_PAGES.sides));
  });

  it('reads KPL aggregates to the same user records with both codecs', async () => {
    // Without threads: the run above has those, and these start faster.
    const sides = ['sdk-loop', 'api-loop'];
    const argv = ['--records', '2000', '--warm-up', '1000', '--shards', '2', '--iterations', '1'];
    const options = parseOptions(argv, SCENARIOS)!;
    const lines: string[] = [];
    const result = await runScenario(
      CANNED_PAGES,
      { ...options, variants: ['kpl-json-100'], sides },
      (line) => lines.push(line),
    );
    expect(lines).to.have.length(sides.length);
    expectSides(result.variants[0]!, sides);
  });

  it('prints with --dry-run what would be run, and runs nothing', async () => {
    const { code, stdout } = await bench('--dry-run', '--variant', 'json-300', '--records', '5000');
    expect(code).to.equal(0);
    const described = JSON.parse(stdout) as { variants: { name: string; plan: { measured: number } }[] };
    expect(described.variants).to.have.length(1);
    expect(described.variants[0]).to.nested.include({ name: 'json-300', 'plan.measured': 5_000 });
  });

  it('says what is wrong with a bad option and ends with 1', async () => {
    const { code, stdout, stderr } = await bench('--iterations', 'many');
    expect(code).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.match(/^Expected `--iterations` to be an integer from 1 to 1000, got `many`\n/);
  });
});
