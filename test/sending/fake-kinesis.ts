// The writing half of Kinesis in memory, with fault switches, and a witness of what no writer may do.

import type { KinesisApi, PutEntry, PutOutcome } from '../../src/kinesis/api.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import type { Shard } from '../../src/model/shard.ts';
import { hashKeyOf, MAX_HASH_KEY } from '../../src/sending/hash-key.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface StoredRecord {
  readonly at: number;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly text: string;
  readonly bytes: number;
}

export interface FakeKinesisOptions {
  readonly shards: number;
  readonly latencyMs?: number;
  /** Enforced as a bucket of one second, as Kinesis does; off by default. */
  readonly recordsPerSecond?: number;
}

type RequestFault = { readonly error: Error; readonly applied: boolean };

export class FakeKinesis {
  readonly stored: StoredRecord[] = [];
  /** What a correct writer never does: two of one key in flight, too large a request. */
  readonly violations: string[] = [];
  readonly requests: { readonly at: number; readonly records: number; readonly bytes: number }[] = [];
  listCalls = 0;
  /** Requests that the writer gave up. */
  aborted = 0;
  latencyMs: number;
  listLatencyMs: number;
  /** Decides for an entry whether it fails, and with which code. */
  failEntry: (entry: PutEntry, shardId: string) => string | null = () => null;
  /** What ListShards answers instead of the truth, as it does for a while after a reshard. */
  staleListing: readonly Shard[] | null = null;
  readonly #time: VirtualTime;
  readonly #keysInFlight = new Set<string>();
  readonly #requestFaults: RequestFault[] = [];
  readonly #listFaults: Error[] = [];
  readonly #recordsPerSecond: number;
  readonly #levels = new Map<string, { level: number; at: number }>();
  #shards: Shard[] = [];
  #ranges: { readonly shardId: string; readonly start: bigint; readonly end: bigint }[] = [];
  #sequence = 0;
  maxRequestsInFlight = 0;
  #requestsInFlight = 0;
  #hung: (() => void)[] = [];
  #hanging = false;

  constructor(time: VirtualTime, options: FakeKinesisOptions) {
    this.#time = time;
    this.latencyMs = options.latencyMs ?? 10;
    this.listLatencyMs = this.latencyMs;
    this.#recordsPerSecond = options.recordsPerSecond ?? Number.POSITIVE_INFINITY;
    this.#reshard(shardsOf(options.shards));
  }

  get api(): Pick<KinesisApi, 'putRecords' | 'listShards'> {
    return {
      listShards: async () => {
        this.listCalls += 1;
        await this.#wait(undefined, this.listLatencyMs);
        const fault = this.#listFaults.shift();
        if (fault !== undefined) throw fault;
        const shards = (this.staleListing ?? this.#shards).filter(
          (shard) => shard.endingSequenceNumber === null,
        );
        return { shards, serverTimeMs: this.#time.clock.now() };
      },
      putRecords: (entries, options) => this.#putRecords(entries, options?.signal),
    };
  }

  /** The next requests fail; with `applied`, after the records were written: the reply is lost. */
  failRequests(count: number, error: Error, applied = false): void {
    for (let i = 0; i < count; i++) this.#requestFaults.push({ error, applied });
  }

  failListings(count: number, error: Error): void {
    for (let i = 0; i < count; i++) this.#listFaults.push(error);
  }

  /** Requests are not answered until `resume()`. */
  hang(): void {
    this.#hanging = true;
  }

  resume(): void {
    this.#hanging = false;
    for (const go of this.#hung.splice(0)) go();
  }

  /** Splits every open shard in two. */
  split(): void {
    const shards = this.#shards.flatMap((shard) => {
      if (shard.endingSequenceNumber !== null) return [shard];
      const middle = (BigInt(shard.startingHashKey) + BigInt(shard.endingHashKey)) / 2n;
      const child = (name: string, startingHashKey: string, endingHashKey: string): Shard => ({
        ...shard,
        shardId: `${shard.shardId}${name}`,
        parentShardId: shard.shardId,
        startingHashKey,
        endingHashKey,
      });
      return [
        { ...shard, endingSequenceNumber: '9' },
        child('L', shard.startingHashKey, String(middle)),
        child('R', String(middle + 1n), shard.endingHashKey),
      ];
    });
    this.#reshard(shards);
  }

  #reshard(shards: Shard[]): void {
    this.#shards = shards;
    this.#ranges = shards
      .filter((shard) => shard.endingSequenceNumber === null)
      .map(({ shardId, startingHashKey, endingHashKey }) => ({
        shardId,
        start: BigInt(startingHashKey),
        end: BigInt(endingHashKey),
      }));
  }

  /** What was stored for a key, in the order of Kinesis. */
  textsOf(partitionKey: string): string[] {
    return this.stored.filter((record) => record.partitionKey === partitionKey).map((record) => record.text);
  }

  async #putRecords(entries: readonly PutEntry[], signal: AbortSignal | undefined): Promise<PutOutcome[]> {
    const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    if (entries.length === 0 || entries.length > 500) this.violations.push(`${entries.length} records`);
    if (bytes > 5 * 2 ** 20) this.violations.push(`${bytes} bytes`);
    this.requests.push({ at: this.#time.clock.monotonic(), records: entries.length, bytes });
    for (const { partitionKey } of entries) {
      if (this.#keysInFlight.has(partitionKey)) this.violations.push(`two of ${partitionKey} in flight`);
      this.#keysInFlight.add(partitionKey);
    }
    this.#requestsInFlight += 1;
    this.maxRequestsInFlight = Math.max(this.maxRequestsInFlight, this.#requestsInFlight);
    try {
      await this.#wait(signal, this.latencyMs / 2);
      const fault = this.#requestFaults.shift();
      if (fault !== undefined && !fault.applied) throw fault.error;
      const outcomes = entries.map((entry) => this.#put(entry));
      await this.#wait(signal, this.latencyMs / 2);
      if (fault !== undefined) throw fault.error;
      return outcomes;
    } finally {
      this.#requestsInFlight -= 1;
      for (const { partitionKey } of entries) this.#keysInFlight.delete(partitionKey);
    }
  }

  #put(entry: PutEntry): PutOutcome {
    const hashKey = hashKeyOf(entry.partitionKey, entry.explicitHashKey);
    const { shardId } = this.#ranges.find(({ start, end }) => start <= hashKey && hashKey <= end)!;
    const errorCode = this.failEntry(entry, shardId) ?? this.#overLimit(shardId);
    if (errorCode !== null) return { ok: false, errorCode, message: 'a fault' };
    this.#sequence += 1;
    const sequenceNumber = String(this.#sequence);
    this.stored.push({
      at: this.#time.clock.monotonic(),
      shardId,
      sequenceNumber,
      partitionKey: entry.partitionKey,
      text: Buffer.from(entry.data.subarray(0, 64)).toString().replaceAll('\0', ''),
      bytes: sizeOf(entry),
    });
    return { ok: true, shardId, sequenceNumber };
  }

  #overLimit(shardId: string): string | null {
    if (this.#recordsPerSecond === Number.POSITIVE_INFINITY) return null;
    const now = this.#time.clock.monotonic();
    const bucket = this.#levels.get(shardId) ?? { level: this.#recordsPerSecond, at: now };
    this.#levels.set(shardId, bucket);
    const gained = ((now - bucket.at) / 1000) * this.#recordsPerSecond;
    bucket.level = Math.min(this.#recordsPerSecond, bucket.level + gained);
    bucket.at = now;
    if (bucket.level < 1) return 'ProvisionedThroughputExceededException';
    bucket.level -= 1;
    return null;
  }

  #wait(signal: AbortSignal | undefined, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.aborted += 1;
        reject(new ShardpoolError('ERR_STOPPED', 'aborted'));
      };
      signal?.addEventListener('abort', aborted, { once: true });
      const done = () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      };
      if (this.#hanging) this.#hung.push(done);
      else this.#time.timers.setTimeout(done, ms);
    });
  }
}

const sizeOf = (entry: PutEntry): number => entry.data.byteLength + Buffer.byteLength(entry.partitionKey);

/** Open shards that split the hash range evenly. */
export function shardsOf(count: number): Shard[] {
  const width = (MAX_HASH_KEY + 1n) / BigInt(count);
  return Array.from({ length: count }, (_, i) => ({
    shardId: `shard-${i}`,
    parentShardId: null,
    adjacentParentShardId: null,
    startingHashKey: String(BigInt(i) * width),
    endingHashKey: String(i === count - 1 ? MAX_HASH_KEY : BigInt(i + 1) * width - 1n),
    startingSequenceNumber: '1',
    endingSequenceNumber: null,
  }));
}
