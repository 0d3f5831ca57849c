// Gathers `size` records over as many batches as it takes, "writes" them at once, and acks them after that.

import type { Batch } from '../../../src/index.ts';
import { auditedHandler } from '../../support/audited-handler.ts';

let batches: Batch[] = [];

export default auditedHandler(import.meta.url, {
  before: async (batch, _context, desk) => {
    batches.push(batch);
    const records = batches.reduce((sum, { length }) => sum + length, 0);
    if (records < Number(desk.params.get('size'))) return;
    const bulk = batches;
    batches = [];
    await new Promise(setImmediate);
    for (const each of bulk) each.ack();
    desk.note(`${records} records in ${bulk.length} batches`);
  },
});
