import { expect } from 'chai';
import { ConsumerRun, moduleUrl } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { keysOf, writeRound, writeRounds } from '../support/writing.ts';

const KEYS = keysOf(100);
const SHARDS = 4;
const WITHIN_MS = 20_000;

describe('death of a fetch thread', function () {
  this.timeout(40_000);
  let server: SimulatedServer;

  beforeEach(async () => {
    server = await simulatedServer();
    await server.createStream('orders', SHARDS);
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  for (const placement of PLACEMENTS) {
    for (const { threads, deaths } of [
      { threads: 1, deaths: 1 },
      { threads: 2, deaths: 3 },
    ]) {
      it(`goes on behind the last received record after ${deaths} death(s) among ${threads} thread(s), ${placement.title}`, async () => {
        const died = new SharedArrayBuffer(4);
        const processor = { module: moduleUrl('processors', 'deadly'), options: { died, deaths } };
        const batch = { maxRecords: 20 };
        await using run = new ConsumerRun(
          server,
          { module: 'audited' },
          { stream: 'orders', threads, processor, batch, recordLimit: 100, ...placement.options },
        );
        await run.consumer.ready();
        await writeRounds(server, 'orders', run.audit, KEYS, 5);
        await writeRound(server, 'orders', run.audit, ['deadly']);
        await writeRounds(server, 'orders', run.audit, KEYS, 5);
        await run.untilComplete(WITHIN_MS);
        const events = run.of('thread:died');
        expect(Atomics.load(new Int32Array(died), 0)).to.equal(deaths);
        expect(events).to.have.length(deaths);
        for (const { kind, shards, error } of events) {
          expect(kind).to.equal('fetch');
          expect(shards).not.to.be.empty;
          expect(error).to.be.instanceOf(Error);
        }
        const status = await run.untilStatus(
          'the replacement is ready',
          WITHIN_MS,
          (each) => each.threads.length === threads,
        );
        expect(status.shards.map(({ lease }) => lease)).to.deep.equal(Array(SHARDS).fill('running'));
        // A read reserves a little while it is under way; in between nothing may be left over of the dead threads.
        await run.untilStatus('the budget is whole again', WITHIN_MS, (each) => each.bufferedBytes === 0);
        expect(await run.stop()).to.equal(null);
        run.audit.expectExactlyOnceInOrder();
        expect(run.of('lease:lost')).to.be.empty;
        // The lease lives on: a shard does not start again for the user.
        expect(run.of('shard:start')).to.have.length(SHARDS);
        expect(run.reports.of('shard-start')).to.have.length(SHARDS);
      });
    }
  }
});
