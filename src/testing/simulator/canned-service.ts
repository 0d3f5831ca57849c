// The service of the canned mode: one stream named `canned` whose pages are prepared, for benchmarks of consumers.

import { AwsError, type AwsErrorType } from './aws-error.ts';
import type { CallCounter } from './call-counts.ts';
import { CannedPage, cannedPrefix, type CannedPageShape, RECORDS_PER_PAGE_LIMIT } from './canned-page.ts';
import type { Clock } from './clock.ts';
import type { RequestBody } from './fields.ts';
import type { Service } from './front-door.ts';
import { uniformRanges } from './hash-keys.ts';
import { type Reply, resultReply } from './reply.ts';
import { counterOf, endingSequenceNumber, sequenceNumber } from './sequence-numbers.ts';

export interface CannedConfig extends CannedPageShape {
  readonly shards: number;
  /** Pages per shard; Infinity for a shard that never ends. */
  readonly pages: number;
  readonly arn: string;
}

const STREAM = 'canned';
const ITERATOR = /^canned:(\d+):(\d+)$/;

export class CannedService implements Service {
  readonly #config: CannedConfig;
  readonly #counter: CallCounter;
  readonly #createdMs: number;
  readonly #shards: readonly { readonly id: string; readonly prefix: string; readonly page: CannedPage }[];

  constructor(config: CannedConfig, counter: CallCounter, clock: Clock) {
    this.#config = config;
    this.#counter = counter;
    this.#createdMs = Math.floor(clock.now());
    this.#shards = Array.from({ length: config.shards }, (_, index) => {
      const prefix = cannedPrefix(index, this.#createdMs);
      const id = `shardId-${String(index).padStart(12, '0')}`;
      return { id, prefix, page: new CannedPage(config, prefix, this.#createdMs) };
    });
  }

  call(operation: string, body: RequestBody): Reply {
    return resultReply(this.#result(operation, body));
  }

  #result(operation: string, body: RequestBody): string | readonly Buffer[] {
    switch (operation) {
      case 'GetRecords':
        return this.#getRecords(body);
      case 'GetShardIterator':
        return this.#getShardIterator(body);
      case 'ListShards':
        this.#count(operation, null);
        return JSON.stringify({ Shards: this.#listing(body) });
      case 'DescribeStream':
        this.#count(operation, null);
        return JSON.stringify({
          StreamDescription: { ...this.#description(), Shards: this.#listing({}), HasMoreShards: false },
        });
      case 'DescribeStreamSummary':
        this.#count(operation, null);
        return JSON.stringify({
          StreamDescriptionSummary: {
            ...this.#description(),
            OpenShardCount: this.#openShards(),
            ConsumerCount: 0,
          },
        });
      default:
        throw new AwsError('UnknownOperationException', `The canned simulator does not serve ${operation}.`);
    }
  }

  turnedAway(operation: string, error: AwsErrorType): void {
    this.#counter.count(operation, { stream: null, shardId: null }, { type: 'refused', error });
  }

  #getRecords(body: RequestBody): readonly Buffer[] {
    const match = ITERATOR.exec(String(body['ShardIterator']));
    const shard = this.#shards[Number(match?.[1])];
    if (match === null || shard === undefined) {
      throw new AwsError('InvalidArgumentException', 'Invalid ShardIterator.');
    }
    this.#count('GetRecords', shard.id);
    const page = Number(match[2]);
    const { pages } = this.#config;
    const ended = page + 1 >= pages;
    const behindMs = pages === Infinity || ended ? 0 : 1;
    const next = ended ? 'null,"ChildShards":[]' : `"canned:${match[1]}:${page + 1}"`;
    const head = Buffer.from(`{"NextShardIterator":${next},"MillisBehindLatest":${behindMs},"Records":`);
    return [head, page >= pages ? Buffer.from('[]') : shard.page.records(page), Buffer.from('}')];
  }

  /** A sequence number leads to the page it is on: the records before it come again, as they may with aggregates. */
  #getShardIterator(body: RequestBody): string {
    const index = this.#shards.findIndex((shard) => shard.id === body['ShardId']);
    const shard = this.#shards[index];
    if (shard === undefined)
      throw new AwsError('ResourceNotFoundException', 'The canned stream has no such shard.');
    this.#count('GetShardIterator', shard.id);
    const sequence = body['StartingSequenceNumber'];
    let page = 0;
    if (typeof sequence === 'string') {
      const counter = counterOf(sequence, shard.prefix);
      if (counter === null) {
        throw new AwsError('InvalidArgumentException', `StartingSequenceNumber ${sequence} is invalid.`);
      }
      page = Math.min(Math.floor(counter / RECORDS_PER_PAGE_LIMIT), this.#config.pages);
    }
    return JSON.stringify({ ShardIterator: `canned:${index}:${page}` });
  }

  #listing(body: RequestBody): unknown[] {
    const filter = body['ShardFilter'] as { Type?: string } | undefined;
    if (filter?.Type === 'AT_LATEST' && this.#openShards() === 0) return [];
    const closed = this.#openShards() === 0;
    return uniformRanges(this.#config.shards).map((range, index) => {
      const { id, prefix } = this.#shards[index] as { id: string; prefix: string };
      return {
        ShardId: id,
        HashKeyRange: { StartingHashKey: range.start.toString(), EndingHashKey: range.end.toString() },
        SequenceNumberRange: {
          StartingSequenceNumber: sequenceNumber(prefix, 0, this.#createdMs),
          ...(closed ? { EndingSequenceNumber: endingSequenceNumber(prefix, this.#createdMs) } : {}),
        },
      };
    });
  }

  /** A shard with a last page is closed from the start; nobody writes to it. */
  #openShards(): number {
    return this.#config.pages === Infinity ? this.#config.shards : 0;
  }

  #description() {
    return {
      StreamName: STREAM,
      StreamARN: this.#config.arn,
      StreamStatus: 'ACTIVE',
      StreamModeDetails: { StreamMode: 'PROVISIONED' },
      RetentionPeriodHours: 24,
      StreamCreationTimestamp: Math.floor(this.#createdMs / 1000),
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
    };
  }

  #count(operation: string, shardId: string | null): void {
    this.#counter.count(operation, { stream: STREAM, shardId }, { type: 'served' });
  }
}
