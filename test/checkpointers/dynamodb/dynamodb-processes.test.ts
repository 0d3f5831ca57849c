// Several processes on one table that none of them finds there.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type DynamodbServer, startDynoxide } from '../../support/dynamodb-server.ts';
import { freshScope, storeAt } from './dynamodb-stores.ts';
import type { TakerInput } from './dynamodb-taker.ts';

const TAKER = fileURLToPath(new URL('./dynamodb-taker.js', import.meta.url));
const WITHIN_MS = 20_000;

interface Taken {
  readonly shardId: string;
  readonly applied: boolean;
  readonly owner: string | null | undefined;
}

describe('processes on one DynamoDB table', () => {
  let server: DynamodbServer;
  before(async () => {
    server = await startDynoxide();
  });
  after(() => server.stop());

  /** Resolves only when the process ends by itself. */
  const run = async (input: TakerInput): Promise<Taken[]> => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--enable-source-maps', TAKER, JSON.stringify(input)],
      { timeout: WITHIN_MS },
    );
    expect(stderr, 'nothing is printed, not by the SDK either').to.equal('');
    return JSON.parse(stdout) as Taken[];
  };

  it('each shard has one owner, all agree on it, and every process ends by itself', async () => {
    const scope = freshScope();
    const shards = Array.from({ length: 30 }, (_, i) => `shard-${i}`);
    const table = 'raced-for';
    const { endpoint, region, credentials } = server;
    const input = { server: { endpoint, region, credentials }, scope, table, shards };
    const answers = await Promise.all(
      ['one#1', 'two#2', 'three#3'].map((me) => run({ ...input, me }).then((taken) => ({ me, taken }))),
    );
    const store = storeAt(server, scope, { table });
    await store.open();
    const { shards: rows } = await store.readAll();
    await store.close();
    expect(rows.map(({ shardId }) => shardId)).to.have.members(shards);
    for (const { shardId, owner } of rows) {
      const each = answers.map(({ me, taken }) => ({ me, ...taken.find((one) => one.shardId === shardId)! }));
      expect(
        each.filter(({ applied }) => applied).map(({ me }) => me),
        shardId,
      ).to.deep.equal([owner]);
      expect(
        each.map((one) => one.owner),
        shardId,
      ).to.deep.equal([owner, owner, owner]);
    }
  });
});
