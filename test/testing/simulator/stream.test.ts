import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { MAX_HASH_KEY } from '../../../src/testing/simulator/hash-keys.ts';
import { planUniformScaling } from '../../../src/testing/simulator/resharding.ts';
import { Stream } from '../../../src/testing/simulator/stream.ts';

function streamOf(shards: number, createdMs = 1_000_000): Stream {
  const stream = new Stream({
    name: 's',
    arn: 'arn',
    mode: 'PROVISIONED',
    shards,
    maxRecordBytes: 1024 * 1024,
    tags: [],
    createdMs,
    activeMs: createdMs,
  });
  stream.settle(createdMs);
  return stream;
}

function put(stream: Stream, partitionKey: string, atMs: number): string {
  const shard = stream.route(partitionKey, null);
  return stream.append(shard, { data: '', partitionKey, explicitHashKey: null, bytes: 1 }, atMs);
}

describe('simulator/stream', () => {
  it('routes by the MD5 of the UTF-8 partition key', () => {
    const stream = streamOf(7);
    for (const key of ['a', 'clé', '日本', '🙂', 'user-17', 'x'.repeat(256)]) {
      const hash = BigInt(`0x${createHash('md5').update(key, 'utf8').digest('hex')}`);
      const owner = stream.shards.find((shard) => shard.range.start <= hash && hash <= shard.range.end);
      expect(stream.route(key, null).id, key).to.equal(owner?.id);
    }
  });

  it('routes explicit hash keys by the inclusive bounds of the shards', () => {
    const stream = streamOf(3);
    for (const shard of stream.shards) {
      expect(stream.route('k', String(shard.range.start)).id).to.equal(shard.id);
      expect(stream.route('k', String(shard.range.end)).id).to.equal(shard.id);
    }
    expect(stream.shards.at(-1)?.range.end).to.equal(MAX_HASH_KEY);
  });

  it('gives sequence numbers of 56 digits that grow, also within a millisecond and when the clock stands', () => {
    const stream = streamOf(1);
    const numbers = Array.from({ length: 1000 }, () => put(stream, 'k', 1_000_000));
    expect(numbers.every((number) => /^4959\d{52}$/.test(number))).to.equal(true);
    expect(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as string))).to.equal(
      true,
    );
  });

  it('gives children numbers above those of their parents, even when all happens in one millisecond', () => {
    const stream = streamOf(1);
    const before = put(stream, 'k', 1_000_000);
    stream.startResharding([{ type: 'split', at: 2n ** 127n }], 1_000_000);
    stream.settle(1_000_000);
    const between = put(stream, 'k', 1_000_000);
    stream.startResharding([{ type: 'merge', at: 2n ** 127n }], 1_000_000);
    stream.settle(1_000_000);
    const after = put(stream, 'k', 1_000_000);
    const [first, , , last] = stream.shards;
    const order = [before, first?.endingSequenceNumber, between, last?.startingSequenceNumber, after].map(
      String,
    );
    order.slice(1).forEach((number, index) => {
      expect(number > String(order[index]), `${order[index]} < ${number}`).to.equal(true);
    });
  });

  it('keeps the parent open until the reshard is due, then closes it at that time', () => {
    const stream = streamOf(1);
    stream.startResharding([{ type: 'split', at: 5n }], 1_000_500);
    stream.settle(1_000_499);
    expect([stream.status, stream.open.length]).to.deep.equal(['UPDATING', 1]);
    stream.settle(1_009_000);
    expect([stream.status, stream.open.length]).to.deep.equal(['ACTIVE', 2]);
    expect(stream.shards.map((shard) => [shard.createdMs, shard.closedMs])).to.deep.equal([
      [1_000_000, 1_000_500],
      [1_000_500, null],
      [1_000_500, null],
    ]);
  });

  it('merges two shards into a child of both', () => {
    const stream = streamOf(2);
    stream.startResharding([{ type: 'merge', at: stream.shards[1]?.range.start ?? 0n }], 1_000_001);
    stream.settle(1_000_001);
    const child = stream.shards[2];
    expect([child?.parentId, child?.adjacentParentId]).to.deep.equal([
      'shardId-000000000000',
      'shardId-000000000001',
    ]);
    expect([child?.range.start, child?.range.end]).to.deep.equal([0n, MAX_HASH_KEY]);
    expect(stream.open).to.deep.equal([child]);
  });

  for (const [from, to] of [
    [1, 2],
    [2, 3],
    [3, 2],
    [4, 8],
    [5, 3],
    [8, 4],
    [6, 6],
  ] as const) {
    it(`scales ${from} shards to ${to} of equal size, without a gap`, () => {
      const stream = streamOf(from);
      const starts = stream.open.map((shard) => shard.range.start);
      stream.startResharding(planUniformScaling(starts, to), 1_000_001);
      stream.settle(1_000_001);
      const open = stream.open;
      expect(open).to.have.length(to);
      expect(open[0]?.range.start).to.equal(0n);
      expect(open.at(-1)?.range.end).to.equal(MAX_HASH_KEY);
      open.slice(1).forEach((shard, index) => {
        expect(shard.range.start).to.equal((open[index]?.range.end ?? 0n) + 1n);
      });
      const sizes = open.map((shard) => shard.range.end - shard.range.start);
      const spread = sizes.map((size) => size - (sizes[0] ?? 0n));
      expect(spread.every((difference) => difference >= 0n && difference < BigInt(to))).to.equal(true);
    });
  }

  it('splits every shard once when it doubles, so that no short-lived shards appear', () => {
    const stream = streamOf(4);
    const starts = stream.open.map((shard) => shard.range.start);
    expect(planUniformScaling(starts, 8).map((step) => step.type)).to.deep.equal(Array(4).fill('split'));
  });
});
