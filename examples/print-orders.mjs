// A handler module: prints every order. Terminal 1: npx shardpool simulator --feed 5, and export what it says here.
// Terminal 2: npx shardpool run examples/print-orders.mjs --stream orders

import { defineHandler } from 'shardpool';

export default defineHandler(
  async (batch, context) => {
    for (const record of batch) {
      console.log(`${record.shardId} ${record.partitionKey} ${JSON.stringify(record.value)}`);
    }
    // Returning acknowledges the batch; throwing has it delivered again.
    if (context.attempt > 1) console.log(`that took ${context.attempt} attempts`);
  },
  {
    onShardStart: (shard) => console.log(`${shard.shardId}: start`),
    onShardEnd: (shard) => console.log(`${shard.shardId}: end`),
  },
);
