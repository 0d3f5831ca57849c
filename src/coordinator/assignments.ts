// Who reads and who handles each leased shard in this process: epochs, placement, and what follows a thread's death.

import type { EndReason } from '../model/shard.ts';
import type { Position } from '../model/position.ts';
import type {
  CoordinatorToFetcher,
  CoordinatorToReceiver,
  HostId,
  ReceiverToCoordinator,
  ShardIndex,
} from '../protocol.ts';
import type { Lease } from './lease-table.ts';
import { place } from './placement.ts';

export interface Assignment {
  readonly lease: Lease;
  readonly shard: ShardIndex;
  readonly epoch: number;
  /** Null while no thread reads it: its thread died, or none was ready. */
  readonly host: HostId | null;
  readonly receiver: number;
  readonly from: Position;
}

export interface AssignmentsParts {
  readonly receivers: number;
  readonly readyHosts: () => readonly HostId[];
  readonly toHost: (host: HostId, message: CoordinatorToFetcher) => void;
  readonly toReceiver: (receiver: number, message: CoordinatorToReceiver) => void;
  readonly onAssigned: (assignment: Assignment, host: HostId) => void;
  /** Every receiver has settled: so much came of the thread, and is released by the receivers. */
  readonly onHostSettled: (host: HostId, receivedUnits: number, receivedRecords: number) => void;
}

export interface Assignments {
  readonly all: ReadonlyMap<string, Assignment>;
  byIndex(shard: ShardIndex): Assignment | undefined;
  /** A stop began: nothing is given to a thread any more, whoever becomes ready. */
  drain(): void;
  /** Gives the shard to a thread; without a ready one it waits for `hostReady`. */
  assign(lease: Lease): void;
  revoke(shardId: string, reason: EndReason): void;
  hostReady(): void;
  hostDied(host: HostId): readonly string[];
  settled(receiver: number, message: Extract<ReceiverToCoordinator, { type: 'settled' }>): void;
}

interface Settling {
  readonly missing: Set<number>;
  receivedUnits: number;
  receivedRecords: number;
}

export function createAssignments(parts: AssignmentsParts): Assignments {
  const all = new Map<string, Assignment>();
  const indexes = new Map<string, ShardIndex>();
  const shardIds: string[] = [];
  const epochs: number[] = [];
  const settling = new Map<HostId, Settling>();
  let draining = false;
  const receivers = Array.from({ length: parts.receivers }, (_, receiver) => receiver);

  const indexOf = (shardId: string): ShardIndex => {
    let index = indexes.get(shardId);
    if (index === undefined) {
      index = shardIds.push(shardId) - 1;
      indexes.set(shardId, index);
      epochs.push(0);
    }
    return index;
  };

  const placed = function* () {
    for (const { host, receiver } of all.values()) if (host !== null) yield { host, receiver };
  };

  /** Starts the next epoch of the shard. It keeps its receiver, where its earlier batches may still be queued. */
  const begin = (lease: Lease, from: Position, keepReceiver: number | null) => {
    const shard = indexOf(lease.shardId);
    const where = place(placed(), parts.readyHosts(), keepReceiver === null ? receivers : [keepReceiver]);
    if (where === null || draining) {
      all.set(lease.shardId, {
        lease,
        shard,
        epoch: epochs[shard]!,
        host: null,
        receiver: keepReceiver ?? 0,
        from,
      });
      return;
    }
    const epoch = (epochs[shard]! += 1);
    const { shardId, token, generation } = lease;
    const { host, receiver } = where;
    const assignment: Assignment = { lease, shard, epoch, host, receiver, from };
    all.set(shardId, assignment);
    parts.toReceiver(receiver, {
      type: 'epoch',
      rows: [{ shard, shardId, token, epoch, generation, host, reason: null }],
    });
    parts.toHost(host, { type: 'assign', shard, shardId, token, epoch, generation, from, receiver });
    parts.onAssigned(assignment, host);
  };

  return {
    all,
    byIndex(shard) {
      const shardId = shardIds[shard];
      return shardId === undefined ? undefined : all.get(shardId);
    },
    drain() {
      draining = true;
    },
    assign(lease) {
      begin(lease, lease.from, null);
    },
    revoke(shardId, reason) {
      const assignment = all.get(shardId);
      if (assignment === undefined) return;
      all.delete(shardId);
      const { shard, epoch, host, receiver, lease } = assignment;
      const { token, generation } = lease;
      const row = { shard, shardId, token, epoch, generation, host: null, reason };
      parts.toReceiver(receiver, { type: 'epoch', rows: [row] });
      if (host !== null) parts.toHost(host, { type: 'revoke', shard, epoch, reason });
    },
    hostReady() {
      if (draining) return;
      for (const { lease, host, from, receiver, shard } of all.values()) {
        const waitsForSettled = [...settling.values()].some(({ missing }) => missing.has(receiver));
        if (host === null && !waitsForSettled) begin(lease, from, epochs[shard] === 0 ? null : receiver);
      }
    },
    hostDied(host) {
      const affected: string[] = [];
      settling.set(host, { missing: new Set(receivers), receivedUnits: 0, receivedRecords: 0 });
      for (const [shardId, assignment] of all) {
        if (assignment.host !== host) continue;
        affected.push(shardId);
        all.set(shardId, { ...assignment, host: null });
      }
      for (const receiver of receivers) parts.toReceiver(receiver, { type: 'hostGone', host });
      return affected;
    },
    settled(receiver, message) {
      const entry = settling.get(message.host);
      if (entry === undefined) return;
      entry.missing.delete(receiver);
      entry.receivedUnits += message.receivedUnits;
      entry.receivedRecords += message.receivedRecords;
      for (const [shard, epoch, received] of message.rows) {
        const assignment = this.byIndex(shard);
        // What was received stays valid: the next reader begins behind it.
        if (assignment?.epoch === epoch) all.set(assignment.lease.shardId, { ...assignment, from: received });
      }
      if (entry.missing.size === 0) {
        settling.delete(message.host);
        parts.onHostSettled(message.host, entry.receivedUnits, entry.receivedRecords);
      }
      this.hostReady();
    },
  };
}
