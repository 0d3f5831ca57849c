// Replays one schedule and tells all of it: node dist/test/simulation/replay.js <seed> [--flavour redis]

import { parseArgs } from 'node:util';
import type { ReaderMutation } from './reader.ts';
import type { StoreMutation } from './rows.ts';
import { type Flavour, FLAVOURS } from './server.ts';
import { runSchedule } from './world.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    flavour: { type: 'string' },
    store: { type: 'string', multiple: true },
    reader: { type: 'string', multiple: true },
  },
});

const outcome = await runSchedule(Number(positionals[0]), {
  flavour: FLAVOURS.find((each: Flavour) => each === values.flavour) ?? null,
  trace: true,
  storeMutations: (values.store ?? []) as StoreMutation[],
  readerMutations: (values.reader ?? []) as ReaderMutation[],
});
process.stdout.write(`${JSON.stringify(outcome.plot, null, 1)}\n${outcome.trace.join('\n')}\n`);
process.stdout.write(`seed ${outcome.seed} (${outcome.flavour}): ${outcome.violation ?? 'no violation'}\n`);
