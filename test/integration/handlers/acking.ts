// Acks the records of each batch from the back, a moment after the call has returned, all but those numbered `hold`.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: (batch, _context, desk) => {
    const hold = Number(desk.params.get('hold'));
    setImmediate(() => {
      for (const record of batch.toArray().toReversed()) if (record.value.n !== hold) batch.ack(record);
    });
  },
});
