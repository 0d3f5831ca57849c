// Stops itself in the middle of a transaction: it has the writer's lock and does not give it up.

import { writeSync } from 'node:fs';
import { openEnvironment } from '../../../../src/checkpointers/local/environment.ts';
import { systemClock } from '../../../../src/platform/clock.ts';
import { systemTimers } from '../../../../src/platform/timers.ts';

const { path } = JSON.parse(process.argv[2]!) as { path: string };
const { rows, release } = await openEnvironment(path, {
  clock: systemClock,
  timers: systemTimers,
  patienceMs: 1_000,
});
rows.transactionSync(() => {
  rows.putSync(Buffer.from('["half"]'), 'half', 0);
  writeSync(1, `${process.pid}\n`);
  process.kill(process.pid, 'SIGSTOP');
  rows.removeSync(Buffer.from('["half"]'));
});
writeSync(1, 'done\n');
await release();
