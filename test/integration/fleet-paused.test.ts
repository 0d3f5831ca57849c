// One of two instances is stopped for longer than its leases hold while the other one takes over: woken, it acts on nothing of before.

import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../support/fleet-log.ts';
import { FleetTrial } from './fleet-trial.ts';

const SHARDS = 4;
const LEASE_MS = 2_000;
const WITHIN_MS = 30_000;
const OWNER_WRITES = ['checkpoint', 'release', 'finish', 'mark', 'take', 'evict'];

describe('SIGSTOP for longer than a lease', function () {
  this.timeout(90_000);

  for (const store of ['local', 'redis', 'dynamodb'] as const) {
    for (const handlerThreads of [0, 2]) {
      const place = handlerThreads === 0 ? 'main' : 'handler threads';
      it(`is taken over by the other one, and woken hands out and writes nothing old, handler in ${place}, with ${store}`, async function () {
        const instances = ['a', 'b'];
        await using trial = await FleetTrial.open({
          store,
          shards: SHARDS,
          instances,
          consumer: { leaseDurationMs: LEASE_MS, handlerThreads, batch: { maxRecords: 2 }, recordLimit: 20 },
        });
        const pace = { upToMs: 60, longShare: 0, longMs: 0, seed: 7 };
        const [paused] = await trial.startAll(instances, { pace });
        trial.writer.start(100);
        await trial.until('it reads', WITHIN_MS, () => trial.calls([paused!]).length > 5 * SHARDS);
        const held = await trial.heldBy(paused!);
        // Something lies everywhere between the page and the handler.
        for (let i = 0; i < 10; i += 1) await trial.writer.round();
        const from = await trial.pause(paused!);
        await trial.until(
          'the other one has taken over',
          WITHIN_MS,
          () => trial.delays(held, from, paused!).length === held.length,
        );
        await sleep(LEASE_MS / 2);
        const old = new Set(
          paused!.lines.flatMap((line) =>
            line.type === 'event' && line.name === 'shard:start' ? [line.detail['token']] : [],
          ),
        );
        const woken = now();
        paused!.resume();
        trial.disturbances.push({ who: paused!.name, from, to: woken, what: 'SIGSTOP' });
        await trial.shared(instances);
        const late = paused!.lines.filter(({ at }) => at > woken);
        const stale = late.filter((line) => line.type === 'begin' && old.has(line.token));
        expect(stale).to.deep.equal([]);
        // What it had sent before it was stopped may be answered late; nothing of the old session is asked for anew.
        const [before] = paused!.lines.flatMap((line) =>
          line.type === 'store' && line.method === 'createSession'
            ? [(line.argument as { session: string }).session]
            : [],
        );
        const written = late.filter(
          (line) =>
            line.type === 'store' &&
            OWNER_WRITES.includes(line.method) &&
            (line.argument as { me?: string }).me === before,
        );
        expect(written).to.deep.equal([]);
        expect(trial.events('session:lost', [paused!])).to.have.length(1);
        const { findings, figures } = await trial.finish();
        expect(findings).to.deep.equal([]);
        this.test!.title +=
          ` (${figures.repeatedDone + figures.repeatedUnfinished} of ${figures.records} again)`;
      });
    }
  }
});
