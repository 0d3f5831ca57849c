// Turns of shards and of keys when a request is filled.

import { expect } from 'chai';
import type { PutLimiter } from '../../src/sending/put-limiter.ts';
import { checkRecord } from '../../src/sending/put-record.ts';
import { createRecordQueue, type QueuedRecord, type RecordQueue } from '../../src/sending/record-queue.ts';
import { buildShardMap } from '../../src/sending/shard-map.ts';
import { shardsOf } from './fake-kinesis.ts';

const LOWEST = '0';
const HIGHEST = '340282366920938463463374607431768211455';
const LIMITS = { maxRecords: 3, maxBytes: 1_000 };

describe('record queue', () => {
  let queue: RecordQueue;
  let number: number;
  /** Ms that each shard has to wait. */
  let waits: Record<string, number>;

  const limiter: PutLimiter = {
    waitMs: (shardId) => waits[shardId] ?? 0,
    take: () => {},
    throttled: () => {},
    succeeded: () => {},
    retain: () => {},
  };

  beforeEach(() => {
    queue = createRecordQueue();
    queue.remap(buildShardMap(shardsOf(2)));
    number = 0;
    waits = {};
  });

  const add = (partitionKey: string, explicitHashKey: string, bytes = 10): QueuedRecord => {
    number += 1;
    const data = new Uint8Array(bytes);
    const record: QueuedRecord = {
      ...checkRecord({ data, partitionKey, explicitHashKey }, 2 ** 20),
      number,
      group: { outstanding: 1, error: null, flushed: null },
      acknowledged: null,
      failures: 0,
      shardId: '',
    };
    queue.add(record);
    return record;
  };

  const take = (): string[] =>
    queue.takeRequest(LIMITS, limiter).records.map((record) => record.entry.partitionKey);

  it('gives each shard its turn: a busy one does not fill every request', () => {
    for (let n = 0; n < 9; n++) add(`low-${n}`, LOWEST);
    add('high', HIGHEST);
    expect(take()).to.deep.equal(['low-0', 'low-1', 'low-2']);
    expect(take()).to.deep.equal(['high', 'low-3', 'low-4']);
  });

  it('gives each key its turn: one with many records does not hold up the others', () => {
    const first = add('busy', LOWEST);
    add('busy', LOWEST);
    for (const key of ['a', 'b', 'c']) add(key, LOWEST);
    expect(take()).to.deep.equal(['busy', 'a', 'b']);
    queue.settle(first);
    expect(take()).to.deep.equal(['c', 'busy']);
  });

  it('passes over a shard at its limit, and tells how long that lasts', () => {
    waits = { 'shard-0': 70 };
    add('low', LOWEST);
    add('high', HIGHEST);
    const { records, waitMs } = queue.takeRequest(LIMITS, limiter);
    expect(records.map((record) => record.shardId)).to.deep.equal(['shard-1']);
    expect(waitMs).to.equal(70);
    expect(queue.takeRequest(LIMITS, limiter)).to.deep.equal({ records: [], waitMs: 70 });
  });

  it('passes over a record too large for what is left, and takes one too large for any request alone', () => {
    add('low', LOWEST, 600);
    add('low-2', LOWEST, 600);
    add('high', HIGHEST, 300);
    expect(take()).to.deep.equal(['low', 'high']);
    add('huge', HIGHEST, 5_000);
    expect(take()).to.deep.equal(['low-2']);
    expect(take()).to.deep.equal(['huge']);
  });

  it('holds nothing for what is in flight, and ignores what was settled or drained', () => {
    const record = add('a', LOWEST);
    expect(take()).to.deep.equal(['a']);
    expect(queue.takeRequest(LIMITS, limiter)).to.deep.equal({
      records: [],
      waitMs: Number.POSITIVE_INFINITY,
    });
    expect(queue.drain()).to.deep.equal([record]);
    queue.settle(record);
    queue.retry(record);
    expect(take()).to.deep.equal([]);
    expect([queue.size, queue.bytes]).to.deep.equal([0, 0]);
  });

  it('moves what is ready to the shards of a new map', () => {
    add('high', HIGHEST);
    queue.remap(buildShardMap(shardsOf(3)));
    const { records } = queue.takeRequest(LIMITS, limiter);
    expect(records.map((record) => record.shardId)).to.deep.equal(['shard-2']);
  });
});
