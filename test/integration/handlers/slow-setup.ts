// The setup of the thread of number `thread` waits for the gates.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  async setUp({ params, thread, gate }) {
    if (thread === Number(params.get('thread'))) await gate('setup');
  },
});
