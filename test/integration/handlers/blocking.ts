// Blocks its thread for `blockMs` in the middle of the run, once per thread: with the batch of number `batch`.

import { auditedHandler } from '../../support/audited-handler.ts';

let batches = 0;

export default auditedHandler(import.meta.url, {
  before: (_batch, _context, { params, note }) => {
    batches += 1;
    if (batches !== Number(params.get('batch'))) return;
    note('blocked');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(params.get('blockMs')));
    note('free again');
  },
});
