// The table: created once however many need it, recognised, waited for, and refused where it is not ours.

import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ListTagsOfResourceCommand,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'chai';
import type { Line } from '../../../src/checkpointers/dynamodb/dynamodb-line.ts';
import { resolveDynamodbOptions } from '../../../src/checkpointers/dynamodb/dynamodb-options.ts';
import { ensureTable } from '../../../src/checkpointers/dynamodb/dynamodb-table.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { createVirtualTime } from '../../fakes/virtual-time.ts';
import { DYNAMODB_SERVERS, type DynamodbServer } from '../../support/dynamodb-server.ts';
import { rejection } from '../../support/until.ts';
import { freshScope, storeAt } from './dynamodb-stores.ts';
import { APP } from './dynamodb-writes.ts';

for (const { title, start } of DYNAMODB_SERVERS) {
  describe(`the table on ${title}`, () => {
    let server: DynamodbServer;
    let client: DynamoDBClient;

    before(async () => {
      server = await start();
      client = new DynamoDBClient(server);
    });
    after(async () => {
      client.destroy();
      await server.stop();
    });

    const described = async (table: string) =>
      (await client.send(new DescribeTableCommand({ TableName: table }))).Table!;
    const make = (table: string, changes: Partial<CreateTableCommandInput>) =>
      client.send(
        new CreateTableCommand({
          TableName: table,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: undefined,
          AttributeDefinitions: undefined,
          ...changes,
        }),
      );
    const refusal = async (options: object): Promise<ShardpoolError> => {
      const store = storeAt(server, freshScope(), { ...options });
      const error = await rejection('open', 5_000, store.open());
      await store.close();
      expect(error).to.be.instanceOf(ShardpoolError);
      return error as ShardpoolError;
    };

    it('is created once by many at a time, and all of them can write at once', async () => {
      const stores = Array.from({ length: 8 }, () => storeAt(server, freshScope(), { table: 'by-many' }));
      await Promise.all(
        stores.map(async (store) => {
          await store.open();
          expect((await store.createApp(APP)).applied).to.equal(true);
        }),
      );
      await Promise.all(stores.map((store) => store.close()));
      const { BillingModeSummary, KeySchema, TableStatus } = await described('by-many');
      expect(TableStatus).to.equal('ACTIVE');
      expect(BillingModeSummary?.BillingMode).to.equal('PAY_PER_REQUEST');
      expect(KeySchema).to.deep.equal([
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ]);
    });

    it('is created with the capacity and the tags of the options', async () => {
      const store = storeAt(server, freshScope(), {
        table: 'provisioned',
        billing: { readUnits: 7, writeUnits: 8 },
        // What dynalite does not know at creation.
        ...(title === 'dynalite' ? {} : { tags: { team: 'billing' } }),
      });
      await store.open();
      await store.close();
      const { ProvisionedThroughput, TableArn } = await described('provisioned');
      expect(ProvisionedThroughput).to.include({ ReadCapacityUnits: 7, WriteCapacityUnits: 8 });
      if (title === 'dynalite') return;
      const { Tags } = await client.send(new ListTagsOfResourceCommand({ ResourceArn: TableArn }));
      expect(Tags).to.deep.equal([{ Key: 'team', Value: 'billing' }]);
    });

    it('is not created where the option says so', async () => {
      const error = await refusal({ table: 'nowhere', createTable: false });
      expect(error).to.include({ code: 'ERR_LEASE_STORE', retryable: false });
      expect(error.message).to.equal(
        'The table nowhere does not exist, and `checkpointer.createTable` is false',
      );
      const store = storeAt(server, freshScope(), { table: 'by-many', createTable: false });
      await store.open();
      await store.close();
    });

    it('is refused with another key', async () => {
      await make('other-key', {
        KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
      });
      const error = await refusal({ table: 'other-key' });
      expect(error).to.include({ code: 'ERR_LEASE_STORE', retryable: false });
      expect(error.message).to.match(
        /expected the key pk \(HASH, S\), sk \(RANGE, S\), found leaseKey \(HASH, S\)/,
      );
    });

    it('is refused with a key of another type', async () => {
      await make('other-type', {
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'N' },
        ],
      });
      expect((await refusal({ table: 'other-type' })).message).to.include(
        'found pk (HASH, S), sk (RANGE, N)',
      );
    });

    it('gone while in use: a clear error, and no new one behind its back', async () => {
      const store = storeAt(server, freshScope(), { table: 'doomed' });
      await store.open();
      await client.send(new DeleteTableCommand({ TableName: 'doomed' }));
      const error = await rejection('the read', 5_000, store.createApp(APP));
      expect(error).to.include({ outcome: 'not-applied', retryable: false });
      expect(error.message).to.match(/ResourceNotFoundException/);
      await store.close();
    });
  });
}

describe('waiting for the table', () => {
  const OURS = {
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
  };
  const missing = () => Object.assign(new Error('no such table'), { name: 'ResourceNotFoundException' });

  /** Answers to DescribeTable one after the other, the last one for ever: a status, or null where it is not found. */
  const waiting = (statuses: readonly (string | null)[]) => {
    const time = createVirtualTime();
    let looks = 0;
    let created = 0;
    const line: Pick<Line, 'call'> = {
      async call<T>({ name }: { name: string }): Promise<T> {
        if (name === 'CreateTable') {
          created += 1;
          return {} as T;
        }
        const status = statuses[Math.min(looks, statuses.length - 1)]!;
        looks += 1;
        if (status === null) throw missing();
        return { Table: { ...OURS, TableStatus: status } } as T;
      },
    };
    const options = resolveDynamodbOptions({}, {});
    const closing = new AbortController().signal;
    const ensured = ensureTable({ line: line as Line, options, ...time, closing });
    ensured.catch(() => undefined);
    return { time, ensured, looks: () => looks, created: () => created };
  };

  it('goes on until it is ACTIVE', async () => {
    const { time, ensured, created } = waiting([null, null, 'CREATING', 'CREATING', 'ACTIVE']);
    await time.settled(ensured);
    expect(created(), 'though AWS did not show it at first').to.equal(1);
  });

  it('is over at once where it can be used', async () => {
    for (const status of ['ACTIVE', 'UPDATING']) {
      const { time, ensured, looks } = waiting([status]);
      await time.settled(ensured, 0);
      expect(looks()).to.equal(1);
    }
  });

  it('has an end', async () => {
    const { time, ensured } = waiting(['CREATING']);
    const error = await rejection('the wait', 5_000, time.settled(ensured));
    expect(error.message).to.equal('The table shardpool did not become ACTIVE within 60000 ms');
    expect(time.clock.monotonic()).to.be.within(60_000, 61_000);
  });

  for (const status of ['DELETING', 'ARCHIVED', 'INACCESSIBLE_ENCRYPTION_CREDENTIALS']) {
    it(`${status}: a clear error at once`, async () => {
      const { time, ensured } = waiting([status]);
      const error = await rejection('the wait', 5_000, time.settled(ensured, 0));
      expect(error.message).to.equal(`The table shardpool cannot be used: its status is ${status}`);
    });
  }
});
