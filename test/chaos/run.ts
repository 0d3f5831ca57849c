// The long run: node dist/test/chaos/run.js --store redis --seed 7 --minutes 15

import { parseArgs } from 'node:util';
import { failure, summary, violations } from './report.ts';
import { runChaos } from './storm-run.ts';
import { CHAOS_STORES, type ChaosStoreName } from './stores.ts';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'local' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '2' },
    rate: { type: 'string', default: '300' },
    keep: { type: 'string' },
  },
});

const number = (name: 'seed' | 'minutes' | 'rate'): number => {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`Expected --${name} to be a number above 0, got ${values[name]}`);
  return value;
};
if (!(CHAOS_STORES as readonly string[]).includes(values.store)) {
  throw new Error(`Expected --store to be one of ${CHAOS_STORES.join(', ')}, got ${values.store}`);
}

// Its processes are ended along with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const say = (text: string) => void process.stdout.write(`${text}\n`);
const report = await runChaos({
  store: values.store as ChaosStoreName,
  seed: number('seed'),
  durationMs: number('minutes') * 60_000,
  rate: number('rate'),
  keepIn: values.keep ?? null,
  say,
});
say(violations(report) === 0 ? summary(report) : failure(report));
process.exitCode = violations(report) === 0 ? 0 : 1;
