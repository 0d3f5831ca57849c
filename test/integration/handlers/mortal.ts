// Ends its thread at records that say so, with the first `deaths` attempts.

import type { Deadly } from '../../support/ways-to-die.ts';
import { dieBy } from '../../support/ways-to-die.ts';
import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url, {
  async before(batch, { attempt }, { params, note }) {
    if (attempt > Number(params.get('deaths') ?? 1)) return;
    for (const { value } of batch) {
      const { deadly } = value as { deadly?: Deadly };
      if (deadly?.kind !== 'handler') continue;
      note('dies');
      dieBy(deadly.way);
      await new Promise(() => undefined);
    }
  },
});
