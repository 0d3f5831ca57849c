// Runs a consumer that cannot start, says with which code, and has nothing else to do.

import { writeSync } from 'node:fs';
import { Consumer, type ConsumerOptions } from '../../../src/index.ts';

const consumer = new Consumer(JSON.parse(process.argv[2]!) as ConsumerOptions);
try {
  await consumer.run(new URL('../handlers/audited.js', import.meta.url));
} catch (error) {
  writeSync(1, `${JSON.stringify({ rejected: (error as { code?: unknown }).code })}\n`);
}
