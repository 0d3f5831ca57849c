// Pauses now and then by the seed `seed`, for up to `pauseMs`, and ends its thread at records that say so.

import { setTimeout as sleep } from 'node:timers/promises';
import { integerFrom, seededRandom } from '../../fakes/random.ts';
import { auditedHandler } from '../../support/audited-handler.ts';
import { type Deadly, dieBy } from '../../support/ways-to-die.ts';

const PAUSE_CHANCE = 0.1;

const random = seededRandom(Number(new URL(import.meta.url).searchParams.get('seed')));

export default auditedHandler(import.meta.url, {
  async before(batch, { attempt }, { params, note }) {
    if (random() < PAUSE_CHANCE) await sleep(integerFrom(random, 0, Number(params.get('pauseMs'))));
    if (attempt > 1) return;
    for (const { value } of batch) {
      const { deadly } = value as { deadly?: Deadly };
      if (deadly?.kind !== 'handler') continue;
      note('dies');
      dieBy(deadly.way);
      await new Promise(() => undefined);
    }
  },
});
