// Takes `delayMs` for each batch of the shard named `shard`, and no time for the others.

import { setTimeout as sleep } from 'node:timers/promises';
import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: async ({ shardId }, _context, { params }) => {
    if (shardId === params.get('shard')) await sleep(Number(params.get('delayMs')));
  },
});
