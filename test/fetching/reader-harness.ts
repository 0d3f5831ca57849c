// A shard reader with a scripted api, a sink that keeps what it gets, a real byte budget and virtual time.

import type { UserRecordSink } from '../../src/codec/processor.ts';
import { budgetGate } from '../../src/fetching/budget-gate.ts';
import { pollSchedule } from '../../src/fetching/poll-schedule.ts';
import { type ReaderStatus, ShardReader } from '../../src/fetching/shard-reader.ts';
import { type ShardPresence, shardPresence } from '../../src/fetching/shard-presence.ts';
import type { PageSink } from '../../src/model/page-sink.ts';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { type Position, TRIM_HORIZON } from '../../src/model/position.ts';
import type { ChildShard, EndReason, Shard, ShardLoss } from '../../src/model/shard.ts';
import {
  budgetKeeper,
  budgetReleaser,
  budgetTaker,
  createBudgetMemory,
} from '../../src/platform/byte-budget.ts';
import { type Deferred, deferred } from '../../src/platform/deferred.ts';
import { createShardApi, type ShardApi } from '../fakes/shard-api.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

export interface ReaderOptions {
  readonly from?: Position;
  readonly budgetBytes?: number;
  readonly readsPerSecond?: number;
  readonly idlePollMs?: number;
  readonly isolate?: boolean;
  readonly split?: (data: Uint8Array, key: string, sink: UserRecordSink) => void;
}

const shardOf = (shardId: string): Shard => ({
  shardId,
  parentShardId: null,
  adjacentParentShardId: null,
  startingHashKey: '0',
  endingHashKey: '1',
  startingSequenceNumber: '1',
  endingSequenceNumber: null,
});

export class ReaderHarness {
  readonly time: VirtualTime = createVirtualTime();
  readonly api: ShardApi = createShardApi(this.time);
  readonly states: ReaderStatus[] = [];
  readonly retries: { error: KinesisError; attempt: number; delayMs: number }[] = [];
  readonly failures: unknown[] = [];
  readonly ends: (readonly ChildShard[])[] = [];
  /** How many records each call of GetRecords asked for. */
  readonly limits: number[] = [];
  /** `number` or `number.sub` of every user record that was passed on. */
  readonly records: string[] = [];
  /** What `onWork` was told, `record` with the number of user records that were passed on before. */
  readonly work: string[] = [];
  readonly closes: EndReason[] = [];
  readonly finishes: EndReason[] = [];
  readonly memory: SharedArrayBuffer;
  /** What complete listings name; null: they fail. */
  listed: readonly string[] | null = ['s'];
  readonly listings: number[] = [];
  readonly presence: ShardPresence = shardPresence(
    {
      listShards: async () => {
        this.listings.push(this.time.clock.monotonic());
        if (this.listed === null) throw new KinesisError('stream-missing', 'scripted');
        return { shards: this.listed.map(shardOf), serverTimeMs: 0 };
      },
    },
    this.time.clock,
  );
  readonly reader: ShardReader;
  room: Deferred<void> | null = null;

  constructor({
    from = TRIM_HORIZON,
    budgetBytes = 1024 * 1024,
    readsPerSecond = 5,
    idlePollMs = 1_000,
    isolate = false,
    split = (data, key, sink) => sink.add(data, key, null, 0, false),
  }: ReaderOptions = {}) {
    const { clock, timers } = this.time;
    this.memory = createBudgetMemory(budgetBytes, 10_000, 2, 1);
    const budget = budgetTaker(this.memory, 0);
    let closed = false;
    const sink: PageSink = {
      add: (_data, _key, _hashKey, sequenceNumber, sub) => {
        if (!closed) this.records.push(sub === 0 ? sequenceNumber : `${sequenceNumber}.${sub}`);
      },
      beginPage: () => undefined,
      // A handler that is done at once: nothing stays in the budget.
      endPage: (reserved) => {
        budget.settle(reserved, 0, 0);
        return 0;
      },
      flush: () => this.records.push('flush'),
      hasRoom: () => this.room === null,
      whenRoom: () => this.room?.promise ?? Promise.resolve(),
      finish: (reason) => this.finishes.push(reason),
      close: (reason) => {
        closed = true;
        this.closes.push(reason);
        this.openWindow();
      },
    };
    this.reader = new ShardReader({
      shardId: 's',
      from,
      recordLimit: 100,
      api: {
        getShardIterator: this.api.getShardIterator,
        getRecords: (iterator, limit, options) => {
          this.limits.push(limit);
          return this.api.getRecords(iterator, limit, options);
        },
      },
      presence: this.presence,
      processor: { split },
      sink,
      onWork: {
        begin: () => this.work.push('begin'),
        record: () => this.work.push(`after ${this.records.length}`),
        end: () => this.work.push('end'),
      },
      isolate,
      gate: budgetGate(budget, timers),
      schedule: pollSchedule(readsPerSecond, idlePollMs, clock.monotonic()),
      events: {
        onState: (status) => this.states.push(status),
        onEnd: (children) => this.ends.push(children),
        onRetry: (error, attempt, delayMs) => this.retries.push({ error, attempt, delayMs }),
        onFailed: (error) => this.failures.push(error),
      },
      clock,
      timers,
      random: () => 1,
    });
  }

  shutWindow(): void {
    this.room = deferred();
  }

  openWindow(): void {
    const room = this.room;
    this.room = null;
    room?.resolve();
  }

  /** Another thread takes the whole budget; returns how to give it back. */
  useUpBudget(): () => void {
    const { memory } = this;
    const units = budgetKeeper(memory).freeBytes() / 1024;
    budgetTaker(memory, 1).tryReserve(units);
    return () => budgetReleaser(memory, 0).release(units, 0);
  }

  get freeBytes(): number {
    return budgetKeeper(this.memory).freeBytes();
  }

  get isBudgetWhole(): boolean {
    return this.freeBytes === budgetKeeper(this.memory).totalBytes();
  }

  /** The states that the reader went through, each once in a row. */
  get path(): string[] {
    return this.states.map(({ state }) => state).filter((state, i, all) => state !== all[i - 1]);
  }

  /** What the reader said that it did not find, each once, and after how many user records. */
  get losses(): ShardLoss[] {
    const losses = this.states.map(({ loss }) => loss);
    return losses.filter((loss, i): loss is ShardLoss => loss !== null && loss !== losses[i - 1]);
  }

  /** Most reads within any stretch of a second. */
  get busiestSecond(): number {
    const { reads } = this.api;
    return Math.max(
      0,
      ...reads.map((at) => reads.filter((other) => other >= at && other < at + 1_000).length),
    );
  }
}
