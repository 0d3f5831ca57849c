// What each call costs in requests and in bytes, so that the table of the guide stays true.

import { DynamoDBClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import type { LeaseStore } from '../../../src/model/lease-store.ts';
import { type Position, sequencePosition } from '../../../src/model/position.ts';
import { ALICE, BOB, EARLY, MIDDLE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { type FaultProxy, startFaultProxy } from '../../fakes/fault-proxy.ts';
import { DYNAMODB_SERVERS, type DynamodbServer, startDynoxide } from '../../support/dynamodb-server.ts';
import { endProxy, freshScope, storeAt } from './dynamodb-stores.ts';
import { APP, WRITES } from './dynamodb-writes.ts';

const SEQUENCE = '49590338271490256608559692538361571095921575989136588898';

describe('costs of the DynamoDB lease store', () => {
  for (const { title, start } of DYNAMODB_SERVERS) {
    describe(`requests, on ${title}`, () => {
      let server: DynamodbServer;
      let proxy: FaultProxy;
      let store: LeaseStore;
      let given: LeaseStore;

      before(async () => {
        server = await start();
        proxy = await startFaultProxy(server.endpoint);
      });
      after(async () => {
        await endProxy(proxy);
        await server.stop();
      });
      beforeEach(async () => {
        const scope = freshScope();
        given = storeAt(server, scope);
        store = storeAt({ ...server, endpoint: proxy.endpoint }, scope);
        await Promise.all([given.open(), store.open()]);
      });
      afterEach(() => Promise.all([store.close(), given.close()]));

      /** Until the store is closed, so the change of `rev` that follows is among them. */
      const requestsOf = async (call: () => Promise<unknown>): Promise<string[]> => {
        const before = proxy.requests.length;
        await call();
        await store.close();
        return proxy.requests.slice(before).map(({ operation }) => operation);
      };

      for (const { name, isCounted, given: prepare, write } of WRITES) {
        it(`${name}: one when applied${isCounted ? ', and one for rev' : ''}`, async () => {
          await prepare(given);
          await given.close();
          const operation = name.startsWith('create')
            ? 'PutItem'
            : name.startsWith('delete')
              ? 'DeleteItem'
              : 'UpdateItem';
          const requests = await requestsOf(async () => expect((await write(store)).applied).to.equal(true));
          expect(requests).to.deep.equal(isCounted ? [operation, 'UpdateItem'] : [operation]);
        });
      }

      // dynalite never says which item refused a write; a server that does is asked again only when there was none.
      const isSilent = title === 'dynalite';
      it(`a refused one: ${isSilent ? 'two' : 'one'}, and none for rev`, async () => {
        await given.createSession(sessionRow(ALICE));
        const requests = await requestsOf(() => store.createSession(sessionRow(ALICE)));
        expect(requests).to.deep.equal(isSilent ? ['PutItem', 'GetItem'] : ['PutItem']);
      });

      it('many changes at once: a few for rev, and not one for each', async () => {
        await given.createApp(APP);
        const shards = Array.from({ length: 50 }, (_, i) => `shard-${i}`);
        const requests = await requestsOf(() =>
          Promise.all(
            shards.map((shardId) =>
              store.createShard({ shardId, startsAt: '1', parents: [], position: EARLY }),
            ),
          ),
        );
        expect(requests.filter((operation) => operation === 'PutItem')).to.have.length(50);
        expect(requests.filter((operation) => operation === 'UpdateItem')).to.have.length.within(1, 12);
      });

      it('a take that salvages: one where the old position lies behind, else two', async () => {
        await given.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: MIDDLE });
        const take = (salvage: Position) =>
          store.take({ shardId: SHARD, seenOwner: null, seenToken: 0, me: BOB, token: 1, salvage });
        const before = proxy.requests.length;
        const { row } = await take(EARLY);
        expect(row).to.include({ owner: BOB, position: MIDDLE });
        expect(
          proxy.requests
            .slice(before)
            .map(({ operation }) => operation)
            .slice(0, 2),
        ).to.deep.equal(isSilent ? ['UpdateItem', 'GetItem'] : ['UpdateItem', 'UpdateItem']);
      });
    });
  }

  describe('capacity, on dynoxide', () => {
    const ME = 'ip-10-0-0-1.eu-west-1.compute.internal/1#AbCdEfGh';

    it('a tick pays for no shard, and rows are far below the 1 KB of a write unit', async () => {
      const server = await startDynoxide();
      const proxy = await startFaultProxy(server.endpoint);
      const client = new DynamoDBClient(server);
      const scope = freshScope();
      const given = storeAt(server, scope);
      const store = storeAt({ ...server, endpoint: proxy.endpoint }, scope);

      /** Of the very queries that the store makes. */
      const unitsOf = async (read: () => Promise<unknown>): Promise<number> => {
        const before = proxy.requests.length;
        await read();
        let units = 0;
        for (const { body } of proxy.requests.slice(before)) {
          const query = JSON.parse(body.toString()) as QueryCommandInput;
          const page = await client.send(new QueryCommand({ ...query, ReturnConsumedCapacity: 'TOTAL' }));
          units += page.ConsumedCapacity!.CapacityUnits!;
        }
        return units;
      };

      try {
        await Promise.all([given.open(), store.open()]);
        await given.createApp(APP);
        for (let i = 0; i < 10; i += 1) await given.createSession(sessionRow(ME.replace('#', `${i}#`)));
        const shards = Array.from({ length: 1_000 }, (_, i) => `shardId-${String(i).padStart(12, '0')}`);
        const create = async (shardId: string) => {
          const position = sequencePosition(SEQUENCE, 0);
          await given.createShard({ shardId, startsAt: SEQUENCE, parents: [], position });
          await given.take({ shardId, seenOwner: null, seenToken: 0, me: ME, token: 1, salvage: null });
        };
        for (let i = 0; i < shards.length; i += 50) await Promise.all(shards.slice(i, i + 50).map(create));

        expect(await unitsOf(() => store.readTick()), 'a tick with 10 sessions').to.equal(1);
        const full = await unitsOf(() => store.readAll());
        expect(full, 'a full read of 1 000 shards').to.be.within(60, 100);
        expect((full * 4_096) / 1_000, 'bytes of a shard row').to.be.below(420);
      } finally {
        await Promise.all([given.close(), store.close()]);
        client.destroy();
        await endProxy(proxy);
        await server.stop();
      }
    });
  });
});
