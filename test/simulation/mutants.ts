// Takes each mechanism out once and tells after how many schedules the simulation notices:
// node dist/test/simulation/mutants.js [--schedules 2000] [name ...]

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTATIONS } from './mutations.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { schedules: { type: 'string', default: '2000' } },
});

const loader = new URL('mutant-loader.js', import.meta.url).href;
const run = fileURLToPath(new URL('run.js', import.meta.url));
const say = (line: string) => process.stdout.write(`${line}\n`);

say('| mechanism | noticed as | after schedules |');
say('|---|---|---|');
let missed = 0;
for (const [name, mutation] of Object.entries(MUTATIONS)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { mechanism, store = [], reader = [], flavour, elsewhere } = mutation;
  const args = ['--import', loader, run, '--schedules', values.schedules, '--violations', '1'];
  for (const each of store) args.push('--store', each);
  for (const each of reader) args.push('--reader', each);
  if (flavour !== undefined) args.push('--flavour', flavour);
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    env: { ...process.env, MUTATION: name },
    encoding: 'utf8',
  });
  const found = /^seed (\d+) \(\w+\): (.*)$/m.exec(stdout);
  if (found !== null) say(`| ${mechanism} (${name}) | ${found[2]} | ${found[1]} |`);
  else if (status !== 0)
    say(`| ${mechanism} (${name}) | BROKEN: ${stderr.trim().split('\n').slice(0, 6).join(' ')} | |`);
  else say(`| ${mechanism} (${name}) | ${elsewhere ?? 'NOTHING'} | not in ${values.schedules} |`);
  if (found === null && elsewhere === undefined) missed += 1;
}
process.exitCode = missed > 0 ? 1 : 0;
