import { randomBytes, randomInt } from 'node:crypto';
import { GetRecordsCommand, type GetRecordsCommandOutput, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect } from 'chai';
import type { Page } from '../../src/kinesis/api.ts';
import { DataTaker } from '../../src/kinesis/data-taker.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { decodeGetRecords } from '../../src/kinesis/get-records-decoder.ts';
import { startEndpoint } from './endpoint.ts';

/** In chunks of at most so many bytes. */
function decodeBytes(body: Buffer, chunkBytes = Infinity): Page {
  const taker = new DataTaker(body.length);
  for (let at = 0; at < body.length; at += chunkBytes) taker.push(body.subarray(at, at + chunkBytes));
  return decodeGetRecords(taker.end());
}

const decode = (body: unknown, chunkBytes = Infinity) =>
  decodeBytes(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), chunkBytes);

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
        expectSame(
          decode(body, randomInt(1, 5_000)),
          await client.send(new GetRecordsCommand({ ShardIterator: 'x' })),
        );
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
      expect(() => decodeBytes(whole.subarray(0, length))).to.throw(KinesisError);
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

  describe('data is taken out while the body arrives', () => {
    const DATA = ['', 'a', 'ab', 'abc', 'abcd', '>>>???', 'x'.repeat(100)];
    const replyWith = (keys: readonly string[]) => ({
      Records: keys.map((PartitionKey, i) => ({
        ...(i % 2 === 0 ? { Data: Buffer.from(DATA[i % DATA.length]!).toString('base64') } : {}),
        PartitionKey,
        SequenceNumber: String(i),
        ...(i % 2 === 1 ? { Data: Buffer.from(DATA[i % DATA.length]!).toString('base64') } : {}),
      })),
      NextShardIterator: 'n',
    });
    const KEYS = ['Data', '"Data"', '"Data":"YQ=="', '\\', '\\"Data":', 'é"Data": "', 'Data":', '0'];
    const expectRead = (page: Page, count: number, title: string) => {
      expect(page.count, title).to.equal(count);
      for (let i = 0; i < count; i++) {
        expect(page.partitionKeys[i], title).to.equal(KEYS[i % KEYS.length]);
        expect(dataOf(page, i).toString(), title).to.equal(DATA[i % DATA.length]);
      }
    };
    const keys = Array.from({ length: 24 }, (_, i) => KEYS[i % KEYS.length]!);

    for (const [title, text] of [
      ['as AWS writes it', JSON.stringify(replyWith(keys))],
      ['with white space', JSON.stringify(replyWith(keys), null, 3)],
      ['with a space after each colon', JSON.stringify(replyWith(keys)).replaceAll('"Data":"', '"Data": "')],
      [
        'with more white space than is looked at',
        JSON.stringify(replyWith(keys)).replaceAll('"Data":"', `"Data"${' '.repeat(40)}:\n"`),
      ],
      [
        'with escapes in base64',
        JSON.stringify(replyWith(keys)).replaceAll('Pj4+', 'Pj4\\u002b').replaceAll('/', '\\/'),
      ],
      [
        'with an escape in the name',
        JSON.stringify(replyWith(keys)).replaceAll('"Data":"', '"\\u0044ata":"'),
      ],
    ] as const) {
      it(`${title}, cut into chunks of any size`, () => {
        const body = Buffer.from(text);
        for (let chunkBytes = 1; chunkBytes < 200; chunkBytes++) {
          expectRead(decodeBytes(body, chunkBytes), keys.length, `chunks of ${chunkBytes}`);
        }
        expectRead(decodeBytes(body), keys.length, 'in one piece');
      });
    }

    it('a name that only ends like that of data is left alone, and one that is cut is not', () => {
      const named = { 'a"Data': 'YQ==', '\\"Data': 'YQ==', ...record };
      const body = Buffer.from(JSON.stringify({ 'x"Data': 'YQ==', Records: [named, record, named] }));
      for (let chunkBytes = 1; chunkBytes <= body.length; chunkBytes++) {
        const taker = new DataTaker(0);
        for (let at = 0; at < body.length; at += chunkBytes) taker.push(body.subarray(at, at + chunkBytes));
        const taken = taker.end();
        expect(taken.ends, `chunks of ${chunkBytes}`).to.deep.equal([1, 2, 3]);
        expect(decodeGetRecords(taken).count).to.equal(3);
      }
    });

    it('nothing but the rest is kept as text, and the slab grows to its size', () => {
      const Data = randomBytes(3_000_000);
      const body = Buffer.from(JSON.stringify({ Records: [{ ...record, Data: Data.toString('base64') }] }));
      const taker = new DataTaker(body.length);
      for (let at = 0; at < body.length; at += 65_536) taker.push(body.subarray(at, at + 65_536));
      const taken = taker.end();
      expect(taken.rest.buffer.byteLength).to.be.at.most(1_024);
      expect(taken.slab.buffer.byteLength).to.be.at.most(Data.length * 1.25);
      expect(dataOf(decodeGetRecords(taken), 0).equals(Data)).to.equal(true);
    });

    /** The obvious way: everything at once. Null: refused. */
    const byTheBook = (body: Buffer): { keys: string[]; data: string[]; iterator: unknown } | null => {
      try {
        const reply = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as Record<
          string,
          unknown
        >;
        const records = reply['Records'] as Record<string, unknown>[];
        const iterator = reply['NextShardIterator'] ?? null;
        if (iterator === '' || (iterator !== null && typeof iterator !== 'string')) return null;
        const data = records.map(({ Data, PartitionKey, SequenceNumber }) => {
          if (typeof Data !== 'string' || typeof PartitionKey !== 'string') throw new TypeError();
          if (typeof SequenceNumber !== 'string') throw new TypeError();
          const bare = Data.replace(/={0,2}$/, '');
          if (!/^[A-Za-z0-9+/_-]*$/.test(bare) || bare.length % 4 === 1) throw new TypeError();
          return Buffer.from(Data, 'base64').toString('hex');
        });
        return { keys: records.map((each) => each['PartitionKey'] as string), data, iterator };
      } catch {
        return null;
      }
    };

    it('5 000 bodies with random bytes changed, left out or doubled: the same as all at once, or refused', () => {
      const body = Buffer.from(JSON.stringify(replyWith(keys)));
      let refused = 0;
      for (let i = 0; i < 5_000; i++) {
        const at = randomInt(body.length);
        const changed = Buffer.from(body);
        changed[at] = randomInt(2) === 0 ? '"\\:,{}[]=0Da /'.charCodeAt(randomInt(15)) : randomInt(256);
        const piece = [
          changed,
          Buffer.concat([body.subarray(0, at), body.subarray(at + randomInt(1, 40))]),
          Buffer.concat([body.subarray(0, at + 20), body.subarray(at)]),
        ][randomInt(3)]!;
        const expected = byTheBook(piece);
        let page: Page | null = null;
        try {
          page = decodeBytes(piece, randomInt(1, 300));
        } catch (error) {
          expect(error).to.be.instanceOf(KinesisError);
          refused += 1;
          if (expected !== null)
            expect((error as Error).message, piece.toString()).to.include('where it belongs');
          continue;
        }
        expect(expected, piece.toString()).not.to.equal(null);
        expect(page.partitionKeys).to.deep.equal(expected!.keys);
        expect(expected!.data.map((_, k) => dataOf(page, k).toString('hex'))).to.deep.equal(expected!.data);
        expect(page.nextIterator).to.equal(expected!.iterator);
      }
      expect(refused).to.be.above(500);
    });

    it('a number where data belongs is refused, also the one that stands for data here', () => {
      for (const Data of [0, 1]) {
        for (const others of [[], [record]]) {
          expect(() => decode({ Records: [{ ...record, Data }, ...others] })).to.throw(KinesisError);
        }
      }
    });
  });

  it('refuses bytes that are not UTF-8', () => {
    const body = Buffer.from(JSON.stringify({ Records: [record] }));
    body[body.indexOf('"p"') + 1] = 0xff;
    expect(() => decodeBytes(body)).to.throw(KinesisError);
  });
});
