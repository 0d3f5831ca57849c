// Runs many schedules: node dist/test/simulation/run.js --schedules 100000 [--from 1] [--flavour redis]

import { parseArgs } from 'node:util';
import type { ReaderMutation } from './reader.ts';
import type { StoreMutation } from './rows.ts';
import { type Flavour, FLAVOURS } from './server.ts';
import { runSchedules } from './schedules.ts';

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    flavour: { type: 'string' },
    store: { type: 'string', multiple: true },
    reader: { type: 'string', multiple: true },
    violations: { type: 'string', default: '10' },
  },
});

const startedAt = process.hrtime.bigint();
const summary = await runSchedules({
  from: Number(values.from),
  count: Number(values.schedules),
  flavour: FLAVOURS.find((each: Flavour) => each === values.flavour) ?? null,
  storeMutations: (values.store ?? []) as StoreMutation[],
  readerMutations: (values.reader ?? []) as ReaderMutation[],
  maxViolations: Number(values.violations),
  onViolation: ({ seed, flavour, violation }) =>
    process.stdout.write(`seed ${seed} (${flavour}): ${violation}\n`),
  onProgress: (done) => process.stdout.write(`${done} schedules\n`),
});
const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
process.stdout.write(
  `${JSON.stringify(summary)}\n${summary.schedules} schedules in ${seconds.toFixed(1)} s, ${((1_000 * seconds) / summary.schedules).toFixed(1)} ms each, ${summary.violations} violations\n`,
);
process.exitCode = summary.violations > 0 ? 1 : 0;
