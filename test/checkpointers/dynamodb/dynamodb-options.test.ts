// The options of the dynamodb checkpointer: defaults, and a clear refusal for everything else.

import { expect } from 'chai';
import {
  DYNAMODB_OPTIONS,
  resolveDynamodbOptions,
} from '../../../src/checkpointers/dynamodb/dynamodb-options.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';

const resolve = (options: object) => resolveDynamodbOptions({ ...options }, {});

describe('dynamodb options', () => {
  it('have defaults', () => {
    expect(resolve({})).to.deep.equal({
      table: 'shardpool',
      region: null,
      endpoint: null,
      credentials: null,
      createTable: true,
      billing: 'on-demand',
      tags: {},
      timeouts: { beatMs: 2_000, callMs: 4_000 },
    });
    expect(resolve({})).to.have.all.keys(DYNAMODB_OPTIONS);
  });

  it('are kept as given', () => {
    const given = {
      table: 'my.table_1-x',
      region: 'eu-west-1',
      endpoint: 'http://localhost:8000',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' },
      createTable: false,
      billing: { readUnits: 5, writeUnits: 6 },
      tags: { team: 'billing', empty: '' },
      timeouts: { beatMs: 100, callMs: 200 },
    };
    expect(resolve(given)).to.deep.equal(given);
    expect(resolve({ timeouts: { callMs: 9 } }).timeouts).to.deep.equal({ beatMs: 2_000, callMs: 9 });
  });

  const WRONG: readonly (readonly [object, string])[] = [
    [
      { tabel: 'x' },
      `Expected \`checkpointer\` to be an object with the keys ${DYNAMODB_OPTIONS.join(', ')}, got \`'tabel'\`; did you mean \`table\`?`,
    ],
    [
      { table: 'a/b' },
      "Expected `checkpointer.table` to be the name of a table, 3 to 255 of the characters a-z, A-Z, 0-9, _, . and -, got `'a/b'`",
    ],
    [
      { region: 'EU' },
      "Expected `checkpointer.region` to be the name of an AWS region such as 'eu-west-1', got `'EU'`",
    ],
    [
      { endpoint: 'localhost:8000' },
      "Expected `checkpointer.endpoint` to be an http or https URL as text, got `'localhost:8000'`",
    ],
    [
      { endpoint: 'http://me:secret@localhost' },
      'Expected `checkpointer.endpoint` to be a URL without user and password',
    ],
    [
      { credentials: 'AKID:secret' },
      'Expected `checkpointer.credentials` to be an object with keys, not a string',
    ],
    [{ credentials: null }, 'Expected `checkpointer.credentials` to be an object with keys, not null'],
    [
      { credentials: { accessKeyId: 'a', secret: 's' } },
      'Expected `checkpointer.credentials` to be an object with a string `secretAccessKey`',
    ],
    [
      { credentials: { accessKeyId: 'a', secretAccessKey: 's', sessionToken: 3 } },
      'Expected `checkpointer.credentials` to be an object whose `sessionToken`, if any, is a string',
    ],
    [{ createTable: 'no' }, "Expected `checkpointer.createTable` to be true or false, got `'no'`"],
    [
      { billing: 'provisioned' },
      "Expected `checkpointer.billing` to be 'on-demand' or { readUnits, writeUnits }, got `'provisioned'`",
    ],
    [
      { billing: { readUnits: 0, writeUnits: 1 } },
      'Expected `checkpointer.billing.readUnits` to be an integer from 1 to 40000, got `0`',
    ],
    [{ tags: ['a'] }, 'Expected `checkpointer.tags` to be an object, got `["a"]`'],
    [
      { tags: { team: 1 } },
      'Expected `checkpointer.tags.team` to be a string of at most 256 characters, got `1`',
    ],
    [
      { timeouts: { beatMs: 0 } },
      'Expected `checkpointer.timeouts.beatMs` to be an integer from 1 to 60000, got `0`',
    ],
  ];
  for (const [options, message] of WRONG) {
    it(`refuse ${JSON.stringify(options)}`, () => {
      expect(() => resolve(options))
        .to.throw(ShardpoolError, message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
