// More shards than all instances may hold: it is said everywhere, and an instance that joins takes what is left over.

import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { FLEET_STORES, type FleetStore, startFleetStore } from './fleet-store.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 20_000;
const SHARDS = 5;
const MOST = 3;

describe('maxShards', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let store: FleetStore;

  before(async () => {
    server = await simulatedServer();
    await server.createStream('orders', SHARDS);
  });
  after(() => server[Symbol.asyncDispose]());
  const consumers: Consumer[] = [];
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    await store[Symbol.asyncDispose]();
  });
  const started = (options: ConsumerOptions): Consumer => {
    const consumer = new Consumer(options);
    consumers.push(consumer);
    return consumer;
  };

  for (const name of FLEET_STORES) {
    it(`leaves shards to nobody and says so, until somebody joins, with ${name}`, async () => {
      store = await startFleetStore(name, ['one']);
      const options = (instanceId: string): ConsumerOptions => ({
        ...addressOf(server),
        stream: 'orders',
        application: 'billing',
        threads: 1,
        maxShards: MOST,
        instanceId,
        checkpointer: { ...store.specOf('one').options, name: store.specOf('one').name },
      });
      const first = started(options('first'));
      const said: (readonly string[])[] = [];
      first.on('shards:unassigned', ({ shards }) => said.push(shards));
      const firstRuns = first.run(() => undefined);
      await first.ready({ timeoutMs: WITHIN_MS });

      await until('it is said', WITHIN_MS, () => said.length > 0);
      expect(said).to.have.length(1);
      expect(said[0]).to.have.length(SHARDS - MOST);
      const status = await until('it has as many as it may', WITHIN_MS, async () => {
        const now = await first.status();
        return now.allocatedShards >= MOST ? now : null;
      });
      expect(status.allocatedShards).to.equal(MOST);
      expect(status.unassigned.toSorted()).to.deep.equal(said[0]!.toSorted());
      const { healthy, problems } = await first.health();
      expect(healthy).to.equal(false);
      expect(problems.map(({ name: problem }) => problem)).to.deep.equal(['shards-unassigned']);
      expect(problems[0]!.shards.toSorted()).to.deep.equal(said[0]!.toSorted());

      const second = started(options('second'));
      const secondRuns = second.run(() => undefined);
      await until('all shards are held', WITHIN_MS, async () => {
        if (!second.isReady) return false;
        const [mine, others] = await Promise.all([first.status(), second.status()]);
        return mine.allocatedShards + others.allocatedShards === SHARDS;
      });
      expect((await second.status()).allocatedShards).to.be.within(SHARDS - MOST, MOST);
      await until('the first one is well again', WITHIN_MS, async () => (await first.health()).healthy);
      expect((await first.status()).unassigned).to.deep.equal([]);
      await Promise.all([first.stop(), second.stop()]);
      await Promise.all([firstRuns, secondRuns]);
    });
  }
});
