// Runs the handler module beside this file in two threads of its own, until Ctrl-C.
// Run it against `npx shardpool simulator --feed 5`: node examples/handler-threads.mjs [stream]

import { Consumer } from 'shardpool';

const [stream = 'orders'] = process.argv.slice(2);
const consumer = new Consumer({ stream, application: 'examples', handlerThreads: 2 });
process.once('SIGINT', () => void consumer.stop());

consumer.on('shard:start', ({ shardId, thread }) => console.log(`${shardId} is read by thread ${thread}`));
consumer.on('handler:failed', ({ error, delayMs }) =>
  console.log(`${error.message}; again in ${delayMs} ms`),
);

// Resolves after stop(); rejects with what made it impossible to go on.
await consumer.run(new URL('./print-orders.mjs', import.meta.url));
console.log('stopped');
