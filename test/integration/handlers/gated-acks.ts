// Acks no batch before the test opens the gates, and returns at once all the same.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: (batch, { shard }, desk) => {
    void desk.gate(shard.shardId).then(() => batch.ack());
  },
});
