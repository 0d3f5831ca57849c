// A lease table over the reference store with fault switches; the session is whatever the test says.

import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import { createLeaseTable, type Lease, type LeaseTable } from '../../src/coordinator/lease-table.ts';
import type { LeaseStore, ShardRow } from '../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { createFaultyLeaseStore, type FaultyLeaseStore } from '../fakes/faulty-lease-store.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

export class LeaseTableHarness {
  readonly time: VirtualTime = createVirtualTime();
  /** What is stored, without faults: for the eyes of the test and for other instances. */
  readonly truth: LeaseStore = createMemoryLeaseStore();
  readonly store: FaultyLeaseStore = createFaultyLeaseStore(this.truth);
  readonly taken: Lease[] = [];
  readonly done: string[] = [];
  readonly givenBack: string[] = [];
  readonly lost: { shardId: string; cause: string }[] = [];
  readonly errors: unknown[] = [];
  session = 'me#1';
  generation = 1;
  valid = true;
  readonly table: LeaseTable = createLeaseTable({
    store: this.store,
    timers: this.time.timers,
    session: () => this.session,
    generation: () => this.generation,
    isValid: () => this.valid,
    onTaken: (lease) => this.taken.push(lease),
    onDone: ({ shardId }) => this.done.push(shardId),
    onGivenBack: ({ shardId }) => this.givenBack.push(shardId),
    onLost: ({ shardId }, cause) => this.lost.push({ shardId, cause }),
    onError: (error) => this.errors.push(error),
  });

  async createShard(shardId = 's'): Promise<ShardRow> {
    const { row } = await this.truth.createShard({
      shardId,
      startsAt: '1',
      parents: [],
      position: TRIM_HORIZON,
    });
    return row!;
  }

  async row(shardId = 's'): Promise<ShardRow> {
    return (await this.truth.readShard(shardId))!;
  }

  /** Takes the row as it is stored now. */
  async take(shardId = 's'): Promise<void> {
    await this.time.settled(this.table.take(await this.row(shardId), 0));
  }

  /** A shard that this instance holds. */
  async holding(shardId = 's'): Promise<Lease> {
    await this.createShard(shardId);
    await this.take(shardId);
    return this.table.held.get(shardId)!;
  }

  /** Another instance takes the shard, as it may once this session is over. */
  async stolen(shardId = 's'): Promise<void> {
    const { owner, token } = await this.row(shardId);
    await this.truth.take({
      shardId,
      seenOwner: owner,
      seenToken: token,
      me: 'other#1',
      token: token + 1,
      salvage: null,
    });
  }

  /** The session ends as the heartbeat does it; the next one begins only with `renew`. */
  lose(): void {
    this.valid = false;
    this.table.loseAll('no beat was confirmed in time');
  }

  renew(): void {
    this.generation += 1;
    this.session = `me#${this.generation}`;
    this.valid = true;
  }

  /** Lets everything go on that can. */
  async settle(ms = 0): Promise<void> {
    await this.time.advance(ms);
  }
}
