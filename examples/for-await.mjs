// Reads a stream with `for await` until nothing came for five seconds.
// Run it against `npx shardpool simulator --feed 5`: node examples/for-await.mjs [stream]

import { Consumer } from 'shardpool';

const [stream = 'orders'] = process.argv.slice(2);
const consumer = new Consumer({ stream, start: 'TRIM_HORIZON', idleTimeoutMs: 5_000 });
// The loop ends cleanly: what was printed is checkpointed.
process.once('SIGINT', () => void consumer.stop());

let count = 0;
for await (const record of consumer) {
  count += 1;
  console.log(`${record.partitionKey} ${JSON.stringify(record.value)}`);
}
console.log(`${count} records`);
