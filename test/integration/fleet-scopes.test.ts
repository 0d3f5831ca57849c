// Applications and streams that share one store keep apart, and instances that count with other leases do not meet.

import { expect } from 'chai';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import { FLEET_STORES, type FleetStore, startFleetStore } from './fleet-store.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { rejection, until } from '../support/until.ts';

const WITHIN_MS = 20_000;
const SHARDS = 2;

describe('a store that several applications and streams share', function () {
  this.timeout(60_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer();
    for (const stream of ['orders', 'refunds']) {
      await server.createStream(stream, SHARDS);
      for (const { startingHashKey, shardId } of await server.simulator.shards(stream)) {
        const data = Buffer.from(JSON.stringify(`${stream} ${shardId}`));
        await server.put(stream, [{ partitionKey: 'k', explicitHashKey: startingHashKey, data }]);
      }
    }
  });
  after(() => server[Symbol.asyncDispose]());

  for (const name of FLEET_STORES) {
    describe(name, () => {
      let store: FleetStore;
      const consumers: Consumer<string>[] = [];
      const started = (each: ConsumerOptions): Consumer<string> => {
        const consumer = new Consumer<string>(each);
        consumers.push(consumer);
        return consumer;
      };
      const options = (stream: string, application: string): ConsumerOptions => ({
        ...addressOf(server),
        stream,
        application,
        threads: 1,
        instanceId: 'one',
        checkpointer: { ...store.specOf('one').options, name: store.specOf('one').name },
      });
      beforeEach(async () => {
        store = await startFleetStore(name, ['one']);
      });
      afterEach(async () => {
        await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
        await store[Symbol.asyncDispose]();
      });

      it('each of them reads all that is its own, once, under the same instance id', async () => {
        const scopes = [
          { stream: 'orders', application: 'billing' },
          { stream: 'refunds', application: 'billing' },
          { stream: 'orders', application: 'audit' },
          // With plain separators this one would be another one of these.
          { stream: 'orders', application: 'billing:refunds' },
        ];
        const runs = scopes.map(({ stream, application }) => {
          const got: string[] = [];
          const consumer = started(options(stream, application));
          const running = consumer.run((batch) => {
            for (const { value } of batch) got.push(value);
          });
          return { stream, application, got, consumer, running };
        });
        await until('all have all', WITHIN_MS, () => runs.every(({ got }) => got.length >= SHARDS));
        for (const { consumer } of runs) await consumer.checkpoint();
        const shardIds = (await server.simulator.shards('orders')).map(({ shardId }) => shardId);
        for (const { stream, application, got, consumer } of runs) {
          expect(got.toSorted()).to.deep.equal(shardIds.map((shardId) => `${stream} ${shardId}`));
          const rows = await store.look({ application, stream });
          const { sessions, shards } = await rows.readAll();
          await rows.close();
          expect(sessions.map(({ state }) => state)).to.deep.equal(['live']);
          expect(shards.map(({ owner }) => owner)).to.deep.equal(shardIds.map(() => sessions[0]!.session));
          const { instances } = await consumer.status();
          expect(instances.map(({ session }) => session)).to.deep.equal([sessions[0]!.session]);
        }
        await Promise.all(runs.map(({ consumer }) => consumer.stop()));
        await Promise.all(runs.map(({ running }) => running));
      });

      it('an instance with another leaseDurationMs is refused, and the one that reads goes on', async () => {
        const first = started(options('orders', 'billing'));
        const running = first.run(() => undefined);
        await first.ready({ timeoutMs: WITHIN_MS });
        const rows = await store.look({ application: 'billing', stream: 'orders' });
        const before = await rows.readAll();
        const other = started({
          ...options('orders', 'billing'),
          instanceId: 'two',
          leaseDurationMs: 5_000,
        });
        const error = await rejection(
          'run()',
          WITHIN_MS,
          other.run(() => undefined),
        );
        expect(error).to.include({
          code: 'ERR_INVALID_OPTION',
          message: 'Expected `leaseDurationMs` to be 10000, as application billing has it stored, got `5000`',
        });
        const { sessions, shards } = await rows.readAll();
        expect(sessions.map(({ session, state }) => [session, state])).to.deep.equal(
          before.sessions.map(({ session }) => [session, 'live']),
        );
        expect(shards.map(({ owner, token }) => [owner, token])).to.deep.equal(
          before.shards.map(({ owner, token }) => [owner, token]),
        );
        expect((await first.health()).healthy).to.equal(true);
        await rows.close();
        await first.stop();
        await running;
      });
    });
  }
});
