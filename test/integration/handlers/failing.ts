// Fails the batches of the shard named `shard`, `times` times each; notes the ids that it was given.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: (batch, { attempt, logger }, { params, note }) => {
    if (batch.shardId !== params.get('shard')) return;
    note(JSON.stringify({ attempt, ids: batch.toArray().map(({ id }) => id) }));
    logger.info({ attempt }, 'A batch came');
    if (attempt <= Number(params.get('times')))
      throw Object.assign(new Error(`attempt ${attempt}`), { code: 'ERR_BUSY' });
  },
});
