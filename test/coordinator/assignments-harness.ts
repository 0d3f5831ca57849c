// Assignments between threads that only take notes, in virtual time.

import {
  type Assignments,
  type AssignmentsParts,
  createAssignments,
  type Poison,
} from '../../src/coordinator/assignments.ts';
import type { Lease } from '../../src/coordinator/lease-table.ts';
import { type Position, TRIM_HORIZON } from '../../src/model/position.ts';
import type { CoordinatorToFetcher, CoordinatorToReceiver } from '../../src/protocol.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

export interface Reader {
  readonly host: number;
  readonly epoch: number;
  readonly from: Position;
  readonly receiver: number;
}

export class AssignmentsWorld {
  readonly time: VirtualTime = createVirtualTime();
  ready: number[];
  receivers: number[];
  /** The thread apart, once it is ready. */
  apart: number | null = null;
  askedForApart = 0;
  endsOfIsolation = 0;
  /** `host:shard` of what is in hand. */
  readonly inHand = new Set<string>();
  readonly toHosts: { host: number; message: CoordinatorToFetcher }[] = [];
  readonly toReceivers: { receiver: number; message: CoordinatorToReceiver }[] = [];
  /** What was said to whom, in order. */
  readonly order: string[] = [];
  readonly announced: { shardId: string; epoch: number; host: number }[] = [];
  readonly drained: string[] = [];
  readonly settled: number[] = [];
  readonly poisons: Poison[] = [];
  readonly assignments: Assignments;

  constructor(hosts: number[], receivers: number[] = [0], parts: Partial<AssignmentsParts> = {}) {
    this.ready = hosts;
    this.receivers = receivers;
    this.assignments = createAssignments({
      timers: this.time.timers,
      random: () => 1,
      readyHosts: () => this.ready,
      isolationHost: () => {
        this.askedForApart += 1;
        return this.apart;
      },
      endIsolation: () => {
        this.endsOfIsolation += 1;
      },
      readyReceivers: () => this.receivers,
      rangeOf: () => null,
      hasInHand: (host, shard) => this.inHand.has(`${host}:${shard}`),
      toHost: (host, message) => {
        this.toHosts.push({ host, message });
        this.order.push(`host ${host}: ${message.type}`);
      },
      toReceiver: (receiver, message) => {
        this.toReceivers.push({ receiver, message });
        this.order.push(`receiver ${receiver}: ${message.type}`);
      },
      onAssigned: ({ lease, epoch }, host) => this.announced.push({ shardId: lease.shardId, epoch, host }),
      onDrained: ({ lease }) => this.drained.push(lease.shardId),
      onHostSettled: (host) => this.settled.push(host),
      onPoison: (poison) => this.poisons.push(poison),
      ...parts,
    });
  }

  assign(shardId: string, token = 1, from: Position = TRIM_HORIZON): Lease {
    const lease: Lease = {
      shardId,
      startsAt: '1',
      token,
      session: 'me',
      generation: 1,
      from,
      state: 'running',
      acked: from,
      stored: from,
    };
    this.assignments.assign(lease);
    return lease;
  }

  assignAll(count: number): Lease[] {
    return Array.from({ length: count }, (_, n) => this.assign(`s${n}`));
  }

  /** The readers that were started of a shard: thread, epoch and where they began. */
  readers(shardId: string): Reader[] {
    return this.toHosts.flatMap(({ host, message }) =>
      message.type === 'assign' && message.shardId === shardId
        ? [{ host, epoch: message.epoch, from: message.from, receiver: message.receiver }]
        : [],
    );
  }

  lastReader(shardId: string): Reader {
    return this.readers(shardId).at(-1)!;
  }

  /** A fetch thread dies with these shards in hand, and the pool goes on without it. */
  die(host: number, hands: number[] = []): readonly string[] {
    this.ready = this.ready.filter((each) => each !== host);
    if (this.apart === host) this.apart = null;
    const affected = this.assignments.hostDied(host, hands);
    this.assignments.threadReady();
    return affected;
  }

  receiverDies(receiver: number, hands: number[] = []): readonly string[] {
    this.receivers = this.receivers.filter((each) => each !== receiver);
    return this.assignments.receiverDied(receiver, hands);
  }

  settle(host: number, rows: [shard: number, epoch: number, position: Position][], receiver = 0): void {
    this.assignments.settled(receiver, { type: 'settled', host, rows });
  }

  /** The fetch thread that reads the shard dies of it, everything up to `received` having arrived. Returns its next reader, if any. */
  killBy(shardId: string, received: Position, follower: number): void {
    const { shard, epoch, host } = this.assignments.all.get(shardId)!;
    const isApart = host === this.apart;
    this.die(host!, [shard]);
    if (isApart) this.apart = follower;
    else this.ready.push(follower);
    this.settle(host!, [[shard, epoch, received]]);
    this.assignments.threadReady();
  }

  /** The shard dies at its threads until it is read apart, by this one. */
  readApart(shardId: string, received: Position, apart: number): void {
    for (const follower of [apart + 1, apart + 2]) this.killBy(shardId, received, follower);
    this.apart = apart;
    this.assignments.threadReady();
  }

  hostsOf(): Record<number, number> {
    return this.#loads('host');
  }

  receiversOf(): Record<number, number> {
    return this.#loads('receiver');
  }

  #loads(key: 'host' | 'receiver'): Record<number, number> {
    const loads: Record<number, number> = {};
    for (const each of this.assignments.all.values()) {
      const thread = each[key];
      if (thread !== null) loads[thread] = (loads[thread] ?? 0) + 1;
    }
    return loads;
  }

  sentToReceiver<Type extends CoordinatorToReceiver['type']>(
    type: Type,
  ): { receiver: number; message: Extract<CoordinatorToReceiver, { type: Type }> }[] {
    return this.toReceivers.filter(
      (each): each is { receiver: number; message: Extract<CoordinatorToReceiver, { type: Type }> } =>
        each.message.type === type,
    );
  }
}
