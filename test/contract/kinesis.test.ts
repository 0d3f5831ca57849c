// Holds the simulator to the contract, and shows that the contract is not made up: a third-party emulator keeps it too,
// but for the differences listed here.

import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { startSimulator } from '../../src/testing/index.ts';
import { startKinesisLocal } from '../fakes/kinesis-local.ts';
import { sdkClient, type Server } from '../testing/sdk-client.ts';
import { KINESIS_CONTRACT } from './kinesis.ts';
import { RESHARD_CONTRACT } from './kinesis-reshard.ts';
import { KinesisSession, SHARD_0, SHARD_1, SHARD_2, SHARD_3 } from './kinesis-session.ts';

interface Difference {
  /** What the emulator does instead. */
  readonly observed: unknown;
  /** The AWS document that decides for the simulator. */
  readonly because: string;
}

/** By the title of the case. The simulator has none. */
const KINESIS_LOCAL_DIFFERENCES: Readonly<Record<string, Difference>> = {
  'the first of two shards ends at the middle of the hash keys': {
    observed: String(2n ** 127n - 2n),
    because:
      'It divides 2^128 - 1, not 2^128. Developer Guide, "Resharding": hash keys run from 0 to 2^128 - 1.',
  },
  'MillisBehindLatest is above 0 while records are unread, and 0 at the tip': {
    observed: [false, 0],
    because: 'API Reference, GetRecords: "a value of zero indicates that record processing is caught up".',
  },
  'GetRecords refuses more than 10 000 records and a bad iterator with InvalidArgumentException': {
    observed: ['InvalidArgumentException', 'Unknown'],
    because:
      'API Reference, GetRecords, Errors: InvalidArgumentException. The emulator answers without an error type.',
  },
  'a bad partition key or record size is ValidationException': {
    observed: ['InvalidArgumentException', 'InvalidArgumentException', 'InvalidArgumentException'],
    because:
      'API Reference, Common Errors: ValidationException "the input fails to satisfy the constraints", and PutRecord states these as constraints of its members.',
  },
  'PutRecords takes 1 to 500 records': {
    observed: ['none', 'none', 'none'],
    because: 'API Reference, PutRecords, Records: "Minimum number of 1 item. Maximum number of 500 items."',
  },
  'PutRecords takes 5 MiB in all': {
    observed: ['none', 'none'],
    because:
      'Developer Guide, "Quotas and limits": each PutRecords request may be up to 5 MiB, partition keys included, with the default record size.',
  },
  'a closed shard ends at a sequence number above its last record, and reading after it gives the end': {
    observed: { above: false, next: 'ResourceNotFoundException' },
    because:
      'API Reference, SequenceNumberRange: the ending number of the range of a closed shard, so no record of it lies above. The emulator always says 9223372036854775807.',
  },
  'ListShards filters by the open shards, those at the trim horizon, and those after an id': {
    observed: {
      AT_LATEST: [SHARD_1, SHARD_2, SHARD_3],
      AT_TRIM_HORIZON: [SHARD_0, SHARD_1, SHARD_2, SHARD_3],
      FROM_TRIM_HORIZON: [SHARD_0, SHARD_1, SHARD_2, SHARD_3],
      AFTER_SHARD_ID: [SHARD_2, SHARD_3],
    },
    because:
      'API Reference, ShardFilter: AT_TRIM_HORIZON is "all the shards that were open at TRIM_HORIZON".',
  },
  'a shard is not split at its own first hash key': {
    observed: 'none',
    because:
      'API Reference, SplitShard: the shard is cut in two ranges of hash keys; at its first key the lower one would be empty.',
  },
  'a shard that was split is not split again': {
    observed: 'ResourceInUseException',
    because:
      'API Reference, SplitShard: ResourceInUseException is for a stream that is not ACTIVE; this one is. InvalidArgumentException is for a parameter that can not be used.',
  },
};

const CASES = [...KINESIS_CONTRACT, ...RESHARD_CONTRACT];

function contract(
  name: string,
  start: () => Promise<Server & { stop(): Promise<void> }>,
  differences: Readonly<Record<string, Difference>>,
): void {
  describe(`contract of Kinesis: ${name}`, () => {
    let stop: () => Promise<void>;
    let client: KinesisClient;

    before(async () => {
      const server = await start();
      stop = () => server.stop();
      client = sdkClient(server);
    });

    after(async () => {
      client?.destroy();
      await stop?.();
    });

    for (const { title, expected, observe } of CASES) {
      const difference = differences[title];
      it(difference === undefined ? title : `differs: ${title}`, async () => {
        const observed = await observe(new KinesisSession(client));
        expect(observed).to.deep.equal(difference === undefined ? expected : difference.observed);
      });
    }
  });
}

contract('simulator', () => startSimulator({ limits: false }), {});
contract('kinesis-local', startKinesisLocal, KINESIS_LOCAL_DIFFERENCES);

describe('contract of Kinesis: the list of differences', () => {
  it('names existing cases only, and real differences', () => {
    for (const [title, { observed }] of Object.entries(KINESIS_LOCAL_DIFFERENCES)) {
      const found = CASES.find((one) => one.title === title);
      expect(found, title).to.not.equal(undefined);
      expect(observed, title).to.not.deep.equal(found?.expected);
    }
  });
});
