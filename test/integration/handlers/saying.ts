// Writes what it gets to the standard output of the process, at once.

import { writeSync } from 'node:fs';
import { defineHandler } from '../../../src/index.ts';
import { monotonicMs } from '../../support/handler-reports.ts';

export default defineHandler((batch) => {
  const numbers = batch.toArray().map(({ value }) => value);
  writeSync(1, `${JSON.stringify({ at: monotonicMs(), token: batch.token, numbers })}\n`);
});
