import { randomBytes, randomInt } from 'node:crypto';
import { GetRecordsCommand, type GetRecordsCommandOutput, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import type { Page } from '../../src/kinesis/api.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { decodeGetRecords } from '../../src/kinesis/get-records-decoder.ts';
import { startEndpoint } from './endpoint.ts';

const decode = (body: unknown) =>
  decodeGetRecords(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));

function dataOf(page: Page, index: number): Buffer {
  return Buffer.from(page.slab.subarray(page.offsets[index], page.offsets[index + 1]));
}

function randomReply() {
  const keys = ['a', 'Schlüssel', '鍵', '🔑', '"quoted"\\', '\u0000', '123'];
  const count = randomInt(0, 30);
  return {
    Records: Array.from({ length: count }, (_, i) => ({
      Data: randomBytes(randomInt(0, 2000)).toString('base64'),
      PartitionKey: keys[randomInt(keys.length)],
      SequenceNumber: `4967${randomInt(1e9)}${i}`,
      ApproximateArrivalTimestamp: (1.7e12 + randomInt(1e9)) / 1000,
      EncryptionType: 'NONE',
    })),
    NextShardIterator: randomInt(4) === 0 ? null : randomBytes(40).toString('base64'),
    MillisBehindLatest: randomInt(1e6),
    ChildShards:
      randomInt(4) === 0
        ? [
            {
              ShardId: 'shardId-000000000001',
              ParentShards: ['shardId-000000000000'],
              HashKeyRange: {
                StartingHashKey: '0',
                EndingHashKey: '340282366920938463463374607431768211455',
              },
            },
          ]
        : null,
  };
}

function expectSame(page: Page, output: GetRecordsCommandOutput): void {
  const records = output.Records ?? [];
  expect(page.count).to.equal(records.length);
  records.forEach((record, i) => {
    expect(dataOf(page, i).equals(record.Data!)).to.equal(true);
    expect(page.partitionKeys[i]).to.equal(record.PartitionKey);
    expect(page.sequenceNumbers[i]).to.equal(record.SequenceNumber);
    expect(page.arrivalTimes[i]).to.equal(record.ApproximateArrivalTimestamp!.getTime());
  });
  expect(page.nextIterator).to.equal(output.NextShardIterator ?? null);
  expect(page.lagMs).to.equal(output.MillisBehindLatest);
  expect(page.children.map((child) => child.shardId)).to.deep.equal(
    (output.ChildShards ?? []).map((child) => child.ShardId),
  );
}

describe('kinesis/get-records-decoder', () => {
  it('reads 200 random replies as the SDK does', async () => {
    let body = '';
    const endpoint = await startEndpoint((_call, response) => response.end(body));
    const client = new KinesisClient({
      region: 'eu-west-1',
      endpoint: endpoint.url,
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
      requestHandler: new NodeHttpHandler({}),
    });
    try {
      for (let i = 0; i < 200; i++) {
        body = JSON.stringify(randomReply());
        expectSame(decode(body), await client.send(new GetRecordsCommand({ ShardIterator: 'x' })));
      }
    } finally {
      client.destroy();
      await endpoint.close();
    }
  });

  it('takes a reply without an iterator for the end of the shard, and one with its children', () => {
    const ChildShards = [
      {
        ShardId: 's2',
        ParentShards: ['s0', 's1'],
        HashKeyRange: { StartingHashKey: '5', EndingHashKey: '9' },
      },
    ];
    expect(decode({ Records: [], MillisBehindLatest: 0 })).to.include({ nextIterator: null, count: 0 });
    const page = decode({ Records: [], NextShardIterator: null, ChildShards });
    expect(page.children).to.deep.equal([
      { shardId: 's2', parents: ['s0', 's1'], startingHashKey: '5', endingHashKey: '9' },
    ]);
    expect(page.lagMs).to.equal(0);
  });

  it('keeps all data in one slab of its own memory, of exactly the size needed', () => {
    const Records = ['a', 'bc', '', 'def'].map((text) => ({
      Data: Buffer.from(text).toString('base64'),
      PartitionKey: 'p',
      SequenceNumber: '1',
    }));
    const page = decode({ Records, NextShardIterator: 'n' });
    expect([...page.offsets]).to.deep.equal([0, 1, 3, 3, 6]);
    expect(page.slab.buffer.byteLength).to.equal(6);
    expect(Buffer.from(page.slab).toString()).to.equal('abcdef');
    expect(page.arrivalTimes[0]).to.be.NaN;
  });

  it('refuses a reply cut anywhere, and never takes it for an empty page or an end', () => {
    const whole = Buffer.from(JSON.stringify({ ...randomReply(), NextShardIterator: 'n' }));
    for (let length = 0; length < whole.length; length += length < 200 ? 1 : 13) {
      expect(() => decodeGetRecords(whole.subarray(0, length))).to.throw(KinesisError);
    }
  });

  const record = { Data: 'YQ==', PartitionKey: 'p', SequenceNumber: '1' };
  const bad: [string, unknown][] = [
    ['nothing', ''],
    ['a page of HTML', '<html></html>'],
    ['an empty object', {}],
    ['a list', []],
    ['null', 'null'],
    ['Records of null', { Records: null }],
    ['a record of null', { Records: [null] }],
    ['a record without Data', { Records: [{ ...record, Data: undefined }] }],
    ['a record without a sequence number', { Records: [{ ...record, SequenceNumber: undefined }] }],
    ['a record without a partition key', { Records: [{ ...record, PartitionKey: null }] }],
    ['Data that is not base64', { Records: [{ ...record, Data: 'YQ$=' }] }],
    ['Data with a stray character', { Records: [{ ...record, Data: 'YWJj\u0000YWJ' }] }],
    ['an iterator that is a number', { Records: [], NextShardIterator: 7 }],
    ['an empty iterator', { Records: [], NextShardIterator: '' }],
    ['children that are no list', { Records: [], ChildShards: {} }],
  ];
  for (const [title, body] of bad) {
    it(`refuses ${title} as a transient ERR_CONNECTION`, () => {
      expect(() => decode(body))
        .to.throw(KinesisError)
        .that.includes({ kind: 'transient', code: 'ERR_CONNECTION', retryable: true });
    });
  }

  it('refuses bytes that are not UTF-8', () => {
    const body = Buffer.from(JSON.stringify({ Records: [record] }));
    body[body.indexOf('"p"') + 1] = 0xff;
    expect(() => decodeGetRecords(body)).to.throw(KinesisError);
  });
});
