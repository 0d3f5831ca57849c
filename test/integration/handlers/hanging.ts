// Never comes back from a batch; notes when its signal is aborted.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  before: (_batch, { signal }, desk) => {
    desk.note('hanging');
    signal.addEventListener('abort', () => desk.note('aborted'), { once: true });
    return new Promise(() => {});
  },
});
