// Prepared GetRecords pages from the canned simulator: what reading and decoding a record costs.

import type { Scenario } from '../scenario.ts';

// 64 shards, because shardpool keeps to the limits of AWS (5 reads and 2 MiB a second and shard): fewer would make it wait,
// and a wait shows in the throughput. 320 reads a second are more than two cores can decode.
const SHARDS = 64;

export const CANNED_PAGES: Scenario = {
  name: 'canned-pages',
  title: 'Prepared GetRecords pages',
  variants: [
    {
      name: 'json-300',
      title: 'plain JSON records of 300 B, 1 000 a page',
      processor: 'json',
      shards: SHARDS,
      recordsPerPage: 1_000,
      recordBytes: 300,
      userRecordsPerRecord: null,
      records: 300_000,
    },
    {
      name: 'kpl-json-100',
      title: 'JSON records of 100 B, 100 to a KPL aggregate, 50 aggregates a page',
      processor: 'kpl-json',
      shards: SHARDS,
      recordsPerPage: 50,
      recordBytes: 100,
      userRecordsPerRecord: 100,
      // Fewer would be less than three pages of a shard.
      records: 1_000_000,
    },
  ],
  sides: [
    { name: 'shardpool', title: 'shardpool, handler in main', kind: 'shardpool', handlerThreads: 0 },
    {
      name: 'shardpool-threads',
      title: 'shardpool, `handlerThreads: 1`',
      kind: 'shardpool',
      handlerThreads: 1,
    },
    { name: 'sdk-loop', title: 'tuned AWS SDK loop', kind: 'sdk-loop' },
    { name: 'api-loop', title: "the same loop, shardpool's decoder", kind: 'api-loop' },
  ],
  baseline: 'sdk-loop',
};
