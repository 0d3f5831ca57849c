// The contract of the lease store on two servers: one that says why it refuses a write, and one that does not.

import { leaseStoreContract } from '../../contract/lease-store.ts';
import { DYNAMODB_SERVERS, type DynamodbServer } from '../../support/dynamodb-server.ts';
import { storeAt } from './dynamodb-stores.ts';

for (const { title, start } of DYNAMODB_SERVERS) {
  describe(`DynamoDB on ${title}`, () => {
    let server: DynamodbServer;

    before(async () => {
      server = await start();
    });
    after(() => server.stop());

    leaseStoreContract(`dynamodb on ${title}`, (scope) => storeAt(server, scope), { exactRev: false });
  });
}
