// What the table holds: two scopes never share rows, and what is not ours is refused and left alone.

import { DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import { type Item, partitionOf } from '../../../src/checkpointers/dynamodb/dynamodb-rows.ts';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { ALICE, LATE, sessionRow, SHARD } from '../../contract/lease-store-fixture.ts';
import { DYNAMODB_SERVERS, type DynamodbServer } from '../../support/dynamodb-server.ts';
import { rejection } from '../../support/until.ts';
import { freshScope, storeAt } from './dynamodb-stores.ts';
import { APP, WRITES } from './dynamodb-writes.ts';

describe('the partition key', () => {
  it('differs for every two scopes', () => {
    const names = ['', 'a', '#', 'a#', '#a', '%', '%23', '%25', '%2523', 'a#b', 'a%23b', '##'];
    const keys = names.flatMap((application) => names.map((stream) => partitionOf({ application, stream })));
    expect(new Set(keys).size).to.equal(keys.length);
  });

  it('is readable for usual names', () => {
    expect(partitionOf({ application: 'billing', stream: 'orders.v1_x-y' })).to.equal(
      'billing#orders.v1_x-y',
    );
  });
});

for (const { title, start } of DYNAMODB_SERVERS) {
  describe(`rows on ${title}`, () => {
    let server: DynamodbServer;
    let client: DynamoDBClient;
    let store: LeaseStore;
    let pk: string;

    before(async () => {
      server = await start();
      client = new DynamoDBClient(server);
    });
    after(async () => {
      client.destroy();
      await server.stop();
    });
    beforeEach(async () => {
      const scope = freshScope();
      pk = partitionOf(scope);
      store = storeAt(server, scope);
      await store.open();
    });
    afterEach(() => store.close());

    const put = (sk: string, fields: Item) =>
      client.send(
        new PutItemCommand({ TableName: 'shardpool', Item: { pk: { S: pk }, sk: { S: sk }, ...fields } }),
      );
    const get = async (sk: string) => {
      const Key = { pk: { S: pk }, sk: { S: sk } };
      return (await client.send(new GetItemCommand({ TableName: 'shardpool', Key, ConsistentRead: true })))
        .Item;
    };
    const refusal = async (call: () => Promise<unknown>): Promise<LeaseStoreError> => {
      const error = await rejection('the call', 5_000, call());
      expect(error).to.be.instanceOf(LeaseStoreError);
      expect(error).to.include({ code: 'ERR_LEASE_STORE', outcome: 'not-applied', retryable: false });
      return error as LeaseStoreError;
    };

    it('look like this', async () => {
      await store.createApp(APP);
      await store.createSession(sessionRow(ALICE, { maxShards: 3, boot: '' }));
      await store.createShard({ shardId: SHARD, startsAt: '1', parents: ['p1'], position: LATE });
      await store.take({ shardId: SHARD, seenOwner: null, seenToken: 0, me: ALICE, token: 1, salvage: null });
      await store.close();
      const { Items } = await client.send(
        new QueryCommand({
          TableName: 'shardpool',
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: pk } },
        }),
      );
      const [app, session, shard] = Items!;
      expect(Number(app!['rev']!.N)).to.be.above(0);
      expect({ ...app, rev: null }).to.deep.equal({
        pk: { S: pk },
        sk: { S: 'app' },
        schemaVersion: { N: '1' },
        leaseDurationMs: { N: '10000' },
        start: { S: '0:TRIM_HORIZON' },
        rev: null,
      });
      expect(session).to.deep.equal({
        pk: { S: pk },
        sk: { S: `session#${ALICE}` },
        beat: { N: '0' },
        state: { S: 'live' },
        maxShards: { N: '3' },
        host: { S: 'host-a' },
        pid: { N: '4711' },
        version: { S: '1.2.3' },
      });
      expect(shard).to.deep.equal({
        pk: { S: pk },
        sk: { S: `shard#${SHARD}` },
        startsAt: { S: '1' },
        parents: { L: [{ S: 'p1' }] },
        position: { S: LATE },
        owner: { S: ALICE },
        token: { N: '1' },
      });
    });

    it('those of another kind are an error that says what was found, for whoever reads them', async () => {
      await put('leases', { text: { S: 'x' } });
      const error = await refusal(() => store.readAll());
      expect(error.message).to.equal(
        `The item at pk '${pk}', sk 'leases' is not a row of shardpool: it has the sort key 'leases'. Something else than ` +
          'shardpool wrote it; it was left as it is.',
      );
      const other = storeAt(server, { application: pk.split('#')[0]!, stream: 'orders' });
      expect((await rejection('open', 5_000, other.open())).message).to.equal(error.message);
      await other.close();
    });

    const SHARD_ROW: Item = {
      startsAt: { S: '1' },
      parents: { L: [] },
      position: { S: LATE },
      token: { N: '1' },
    };
    const FOREIGN: readonly (readonly [string, Item, string])[] = [
      ['nothing of ours', { shardId: { S: 'x' } }, 'nothing for `startsAt` instead of a string'],
      ['a token as text', { ...SHARD_ROW, token: { S: '1' } }, "'1' for `token` instead of a whole number"],
      ['a token that is no whole number', { ...SHARD_ROW, token: { N: '1.5' } }, "'1.5' for `token`"],
      [
        'a position as a number',
        { ...SHARD_ROW, position: { N: '7' } },
        "'7' for `position` instead of a string",
      ],
      [
        'a text that is no position',
        { ...SHARD_ROW, position: { S: '495' } },
        "'495' for `position` instead of a position",
      ],
      [
        'parents as a set',
        { ...SHARD_ROW, parents: { SS: ['a'] } },
        '["a"] for `parents` instead of a list of strings',
      ],
      [
        'an owner that is a number',
        { ...SHARD_ROW, owner: { N: '1' } },
        "'1' for `owner` instead of a string",
      ],
    ];
    for (const [what, fields, message] of FOREIGN) {
      it(`a shard row with ${what} is neither read nor written`, async () => {
        await put(`shard#${SHARD}`, fields);
        const before = await get(`shard#${SHARD}`);
        expect((await refusal(() => store.readShard(SHARD))).message)
          .to.include(`The item at pk '${pk}', sk 'shard#${SHARD}' is not a shard row`)
          .and.to.include(message);
        await refusal(() => store.readAll());
        for (const { name, write } of WRITES) {
          if (!/shard|take|mark|checkpoint|release|finish/i.test(name)) continue;
          if (name === 'replaceShard' && fields['startsAt'] !== undefined) continue; // its condition is met
          await refusal(() => write(store));
        }
        expect(await get(`shard#${SHARD}`)).to.deep.equal(before);
      });
    }

    it('a session row that is not ours is neither read nor written', async () => {
      await put(`session#${ALICE}`, { lastSeen: { N: '1' } });
      const before = await get(`session#${ALICE}`);
      for (const { name, write } of WRITES) {
        if (/beat|evict|end|session/i.test(name)) await refusal(() => write(store));
      }
      for (const read of [() => store.readTick(), () => store.readAll(), () => store.readSession(ALICE)]) {
        expect((await refusal(read)).message).to.include('is not a session row');
      }
      expect(await get(`session#${ALICE}`)).to.deep.equal(before);
    });

    it('an app row that is not ours is neither read nor counted up', async () => {
      await put('app', { rev: { S: 'x' } });
      await refusal(() => store.createApp(APP));
      await refusal(() => store.readTick());
      await store.createShard({ shardId: SHARD, startsAt: '1', parents: [], position: LATE });
      await store.close();
      expect(await get('app')).to.deep.equal({ pk: { S: pk }, sk: { S: 'app' }, rev: { S: 'x' } });
    });

    it('names that no key can hold are refused at the start', async () => {
      for (const [application, message] of [
        ['a\uD800', 'they are not valid Unicode'],
        ['ä'.repeat(1_100), 'together they have 2207 bytes, and 2048 is the most'],
      ] as const) {
        const other = storeAt(server, { application, stream: 'orders' });
        const error = await rejection('open', 5_000, other.open());
        expect(error).to.be.instanceOf(ShardpoolError).and.to.have.property('code', 'ERR_INVALID_OPTION');
        expect(error.message).to.include(message);
        await other.close();
      }
    });
  });
}
