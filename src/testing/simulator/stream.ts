// One stream: its shards, their lineage, and the routing of records. Pure state: no I/O, no timers.
//
// What AWS does later (a stream becomes ACTIVE, a split takes effect) is a due time here. Whoever looks at the stream
// calls `settle` first, which carries out what has come due as of its due time.

import { hashKeyOf, type HashKeyRange, toHex, uniformRanges } from './hash-keys.ts';
import { RecordLog } from './record-log.ts';
import { RollingQuota } from './rolling-quota.ts';
import { endingSequenceNumber, sequenceNumber, sequencePrefix } from './sequence-numbers.ts';
import type { ReshardStep } from './resharding.ts';

export type StreamStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';
export type StreamMode = 'PROVISIONED' | 'ON_DEMAND';

export interface ShardState {
  readonly index: number;
  readonly id: string;
  readonly parentId: string | null;
  readonly adjacentParentId: string | null;
  readonly range: HashKeyRange;
  /** The inclusive end of the range as 32 hexadecimal digits. */
  readonly endHex: string;
  /** What its sequence numbers begin with. */
  readonly prefix: string;
  readonly startingSequenceNumber: string;
  readonly createdMs: number;
  readonly log: RecordLog;
  endingSequenceNumber: string | null;
  closedMs: number | null;
  /** True when a test trimmed it to its end after it was closed: it is gone before its time. */
  emptied: boolean;
}

export interface PutRecord {
  /** Base64. */
  readonly data: string;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
  /** Of data and partition key. */
  readonly bytes: number;
}

export interface StreamConfig {
  readonly name: string;
  readonly arn: string;
  readonly mode: StreamMode;
  readonly shards: number;
  readonly maxRecordBytes: number;
  readonly tags: readonly (readonly [key: string, value: string])[];
  readonly createdMs: number;
  readonly activeMs: number;
}

const RETENTION_HOURS = 24;
const HOUR_MS = 3_600_000;
const SCALINGS_A_DAY = 10;
const MODE_CHANGES_A_DAY = 2;

export class Stream {
  readonly config: StreamConfig;
  readonly tags: Map<string, string>;
  readonly scalings = new RollingQuota(SCALINGS_A_DAY);
  readonly modeChanges = new RollingQuota(MODE_CHANGES_A_DAY);
  maxRecordBytes: number;
  /** Every shard ever made, by index. */
  readonly shards: ShardState[] = [];
  /** The open ones, by hash key. */
  #open: ShardState[] = [];
  #status: StreamStatus = 'CREATING';
  /** When the status that is under way ends. */
  #dueMs: number;
  #steps: readonly ReshardStep[] = [];
  #mode: StreamMode;
  #nextMode: StreamMode;
  #retentionHours = RETENTION_HOURS;
  /** What was trimmed stays trimmed, also when records are kept for longer later. */
  #trimmedBeforeMs: number;

  constructor(config: StreamConfig) {
    this.config = config;
    this.#dueMs = config.activeMs;
    this.#mode = config.mode;
    this.#nextMode = config.mode;
    this.#trimmedBeforeMs = config.createdMs;
    this.maxRecordBytes = config.maxRecordBytes;
    this.tags = new Map(config.tags);
    for (const range of uniformRanges(config.shards)) {
      this.#open.push(this.#createShard(range, config.createdMs, null, null));
    }
  }

  get status(): StreamStatus {
    return this.#status;
  }

  get mode(): StreamMode {
    return this.#mode;
  }

  get retentionHours(): number {
    return this.#retentionHours;
  }

  get open(): readonly ShardState[] {
    return this.#open;
  }

  /** When the change under way takes effect. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** True once a deleted stream is gone. */
  isGone(nowMs: number): boolean {
    return this.#status === 'DELETING' && nowMs >= this.#dueMs;
  }

  settle(nowMs: number): void {
    if (nowMs < this.#dueMs || this.#status === 'ACTIVE' || this.#status === 'DELETING') return;
    for (const step of this.#steps) this.#reshard(step, this.#dueMs);
    this.#steps = [];
    this.#mode = this.#nextMode;
    this.#status = 'ACTIVE';
  }

  /** Starts a reshard that takes effect at `dueMs`. */
  startResharding(steps: readonly ReshardStep[], dueMs: number): void {
    this.#status = 'UPDATING';
    this.#steps = steps;
    this.#dueMs = dueMs;
  }

  /** Starts a change of the capacity mode. */
  startModeChange(mode: StreamMode, dueMs: number): void {
    this.#status = 'UPDATING';
    this.#nextMode = mode;
    this.#dueMs = dueMs;
  }

  /** Keeps records for that long from now on. */
  keepFor(hours: number, nowMs: number): void {
    this.#trimmedBeforeMs = this.trimHorizon(nowMs);
    this.#retentionHours = hours;
  }

  startDeleting(dueMs: number): void {
    this.#status = 'DELETING';
    this.#dueMs = dueMs;
  }

  shard(id: string): ShardState | null {
    const index = /^shardId-(\d{12,})$/.exec(id)?.[1];
    return index === undefined ? null : (this.shards[Number(index)] ?? null);
  }

  childrenOf(shard: ShardState): ShardState[] {
    return this.shards.filter((other) => other.parentId === shard.id || other.adjacentParentId === shard.id);
  }

  /** The open shard that takes a record with those keys. */
  route(partitionKey: string, explicitHashKey: string | null): ShardState {
    const key = hashKeyOf(partitionKey, explicitHashKey);
    let low = 0;
    let high = this.#open.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#open[middle] as ShardState).endHex < key) low = middle + 1;
      else high = middle;
    }
    return this.#open[low] as ShardState;
  }

  /** Appends a record to an open shard and returns its sequence number. */
  append(shard: ShardState, record: PutRecord, nowMs: number): string {
    const arrivalMs = Math.floor(nowMs);
    const sequence = sequenceNumber(shard.prefix, shard.log.end + 1, arrivalMs);
    const fragment = `{"SequenceNumber":"${sequence}","ApproximateArrivalTimestamp":${arrivalMs / 1000},"Data":"${record.data}","PartitionKey":${asciiJson(record.partitionKey)}}`;
    shard.log.append(fragment, arrivalMs, record.bytes);
    return sequence;
  }

  /** The time before which everything is trimmed: never before the creation of the stream. */
  trimHorizon(nowMs: number): number {
    return Math.max(this.#trimmedBeforeMs, nowMs - this.#retentionHours * HOUR_MS);
  }

  /** Forgets the records of a shard whose time is over. */
  trimExpired(shard: ShardState, nowMs: number): void {
    shard.log.trimBefore(this.trimHorizon(nowMs));
  }

  /** Forgets the records of a shard before that position, Infinity for all, whatever their age; returns how many. */
  trimTo(shard: ShardState, position: number): number {
    const count = shard.log.trimTo(position);
    const isEmpty = shard.log.begin === shard.log.end;
    if (shard.closedMs !== null && isEmpty && (count > 0 || position === Infinity)) shard.emptied = true;
    return count;
  }

  /** True for a shard that still exists for a reader: open, or closed within the retention period. */
  isRetained(shard: ShardState, nowMs: number): boolean {
    return shard.closedMs === null || (!shard.emptied && shard.closedMs >= this.trimHorizon(nowMs));
  }

  retained(nowMs: number): ShardState[] {
    return this.shards.filter((shard) => this.isRetained(shard, nowMs));
  }

  /** True when nothing older leads to that shard any more, so that a reader from the trim horizon begins with it. */
  isOldest(shard: ShardState, nowMs: number): boolean {
    return [shard.parentId, shard.adjacentParentId].every((id) => {
      const parent = id === null ? null : this.shard(id);
      return parent === null || !this.isRetained(parent, nowMs);
    });
  }

  #reshard(step: ReshardStep, atMs: number): void {
    switch (step.type) {
      case 'split': {
        const position = this.#open.findIndex((shard) => shard.range.end >= step.at);
        const parent = this.#open[position] as ShardState;
        this.#close(parent, atMs);
        const { start, end } = parent.range;
        this.#open.splice(
          position,
          1,
          this.#createShard({ start, end: step.at - 1n }, atMs, parent, null),
          this.#createShard({ start: step.at, end }, atMs, parent, null),
        );
        return;
      }
      case 'merge': {
        const position = this.#open.findIndex((shard) => shard.range.start === step.at);
        const lower = this.#open[position - 1] as ShardState;
        const upper = this.#open[position] as ShardState;
        this.#close(lower, atMs);
        this.#close(upper, atMs);
        const range = { start: lower.range.start, end: upper.range.end };
        this.#open.splice(position - 1, 2, this.#createShard(range, atMs, lower, upper));
        return;
      }
      default:
        step satisfies never;
    }
  }

  #close(shard: ShardState, atMs: number): void {
    shard.closedMs = atMs;
    shard.endingSequenceNumber = endingSequenceNumber(shard.prefix, Math.floor(atMs));
  }

  #createShard(
    range: HashKeyRange,
    createdMs: number,
    parent: ShardState | null,
    adjacent: ShardState | null,
  ): ShardState {
    const index = this.shards.length;
    const prefix = sequencePrefix(createdMs, index);
    const shard: ShardState = {
      index,
      id: `shardId-${String(index).padStart(12, '0')}`,
      parentId: parent?.id ?? null,
      adjacentParentId: adjacent?.id ?? null,
      range,
      endHex: toHex(range.end),
      prefix,
      startingSequenceNumber: sequenceNumber(prefix, 0, Math.floor(createdMs)),
      createdMs,
      log: new RecordLog(),
      endingSequenceNumber: null,
      closedMs: null,
      emptied: false,
    };
    this.shards.push(shard);
    return shard;
  }
}

/** JSON of a text in ASCII only, so that replies made of it stay one byte a character and cheap to send. */
function asciiJson(text: string): string {
  const json = JSON.stringify(text);
  // oxlint-disable-next-line no-control-regex -- the range is "everything that is not ASCII"
  return json.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
