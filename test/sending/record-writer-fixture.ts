// What the tests of the record writer share: a writer in virtual time before a fake Kinesis.

import { expect } from 'chai';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { PutRecord } from '../../src/sending/put-record.ts';
import {
  createRecordWriter,
  type RecordWriter,
  type RecordWriterOptions,
} from '../../src/sending/record-writer.ts';
import { FakeKinesis, type FakeKinesisOptions } from './fake-kinesis.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

export const TRANSIENT = new ShardpoolError('ERR_CONNECTION', 'socket hang up', { retryable: true });
export const DENIED = new ShardpoolError('ERR_ACCESS_DENIED', 'not allowed');

/** Registers the hooks that make a new world for each test. */
export function writerFixture() {
  let time: VirtualTime;
  let kinesis: FakeKinesis;
  let writer: RecordWriter;
  /** Deterministic: the same faults in every run. */
  let random: () => number;

  const open = (
    fake: FakeKinesisOptions = { shards: 4 },
    options: Partial<RecordWriterOptions> = {},
  ): void => {
    kinesis = new FakeKinesis(time, fake);
    writer = createRecordWriter({
      api: kinesis.api,
      clock: time.clock,
      timers: time.timers,
      random,
      ...options,
    });
  };

  const recordOf = (partitionKey: string, text: string, bytes = 0): PutRecord => {
    const data = new Uint8Array(Math.max(bytes, text.length));
    data.set(Buffer.from(text));
    return { data, partitionKey, explicitHashKey: null };
  };

  const textOf = (n: number): string => `#${n};`;

  /** Puts `count` records round robin over the keys; resolves when all are accepted. */
  const putAll = async (count: number, keys: number): Promise<void> => {
    for (let n = 0; n < count; n++) await writer.put(recordOf(`key-${n % keys}`, textOf(n)));
  };

  const expectInOrder = (count: number, keys: number): void => {
    expect(kinesis.violations).to.deep.equal([]);
    for (let key = 0; key < keys; key++) {
      const expected = Array.from({ length: Math.ceil((count - key) / keys) }, (_, i) =>
        textOf(key + i * keys),
      );
      expect(kinesis.textsOf(`key-${key}`)).to.deep.equal(expected);
    }
  };

  const rejection = async (promise: Promise<unknown>): Promise<ShardpoolError> => {
    const outcome = await time.settled(
      promise.then(
        () => null,
        (reason: unknown) => reason,
      ),
    );
    expect(outcome).to.be.instanceOf(ShardpoolError);
    return outcome as ShardpoolError;
  };

  // mocha lets unhandled rejections pass.
  const unhandled: unknown[] = [];
  const noteUnhandled = (reason: unknown) => {
    unhandled.push(reason);
  };
  before(() => process.on('unhandledRejection', noteUnhandled));
  after(() => process.off('unhandledRejection', noteUnhandled));
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled.splice(0), 'unhandled rejections').to.deep.equal([]);
  });

  beforeEach(() => {
    time = createVirtualTime();
    let seed = 42;
    random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
  });

  return {
    get time() {
      return time;
    },
    get kinesis() {
      return kinesis;
    },
    get writer() {
      return writer;
    },
    random: () => random(),
    open,
    recordOf,
    textOf,
    putAll,
    expectInOrder,
    rejection,
  };
}
