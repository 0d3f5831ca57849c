// Runs a consumer that cannot start, says what it was told, and has nothing else to do: the process has to end by itself.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';

const consumer = new Consumer(JSON.parse(process.argv[2]!) as ConsumerOptions);
let batches = 0;
try {
  await consumer.run(() => {
    batches += 1;
  });
  writeSync(1, `${JSON.stringify({ code: null, message: 'it ran', batches })}\n`);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  writeSync(1, `${JSON.stringify({ code: code ?? null, message, batches })}\n`);
}
