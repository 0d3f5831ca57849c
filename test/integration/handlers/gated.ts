// Waits with each batch of the shard named `shard`, or of all, until the test opens the gate.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: async ({ shardId }, _context, desk) => {
    const shard = desk.params.get('shard');
    if (shard === shardId || shard === 'all') await desk.gate(shardId);
  },
});
