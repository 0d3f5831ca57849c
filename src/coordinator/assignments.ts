// Who reads and who handles each leased shard in this process: epochs, placement, and what follows a thread's death.
//
//   waiting ──> reading ──> settling (its fetch thread died) ──> waiting
//                  ├──────> yielding (leaves its receiver)   ──> waiting
//                  └──────> waiting (its receiver died, or it moves to another fetch thread)

import type { EndReason, HashKeyRange } from '../model/shard.ts';
import { isBefore, type Position } from '../model/position.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type {
  CoordinatorToFetcher,
  CoordinatorToReceiver,
  HostId,
  ReceiverToCoordinator,
  ShardIndex,
} from '../protocol.ts';
import type { Lease } from './lease-table.ts';
import { place, surplus } from './placement.ts';
import { createSettling } from './settling.ts';
import { createSuspects, POISON_DEATHS } from './suspects.ts';

type Phase = 'waiting' | 'reading' | 'settling' | 'yielding';

export interface Assignment {
  readonly lease: Lease;
  readonly shard: ShardIndex;
  readonly epoch: number;
  readonly phase: Phase;
  /** While reading, the thread that reads; while settling, the one that died. */
  readonly host: HostId | null;
  /** Null while no receiver holds anything of it. */
  readonly receiver: number | null;
  readonly from: Position;
  /** Its fetch thread died at the same record twice: it is read apart from all others. */
  readonly isolated: boolean;
  /** It is being handed off to another instance: it begins nowhere here. */
  readonly leaving: boolean;
}

/** A record of the shard, the next one after `position`, ends the threads that touch it. */
export interface Poison {
  readonly shardId: string;
  readonly kind: 'fetch' | 'handler';
  readonly position: Position;
  readonly deaths: number;
  readonly delayMs: number;
}

export interface AssignmentsParts {
  readonly timers: Timers;
  readonly random: () => number;
  readonly readyHosts: () => readonly HostId[];
  /** The thread for isolated shards; null until there is one, and asking for it starts it. */
  readonly isolationHost: () => HostId | null;
  /** Nothing is isolated any more. */
  readonly endIsolation: () => void;
  readonly readyReceivers: () => readonly number[];
  readonly rangeOf: (shardId: string) => HashKeyRange | null;
  readonly hasInHand: (host: HostId, shard: ShardIndex) => boolean;
  readonly toHost: (host: HostId, message: CoordinatorToFetcher) => void;
  readonly toReceiver: (receiver: number, message: CoordinatorToReceiver) => void;
  readonly onAssigned: (assignment: Assignment, host: HostId) => void;
  /** Nothing of a shard that `drainShard` named is in hand any more; all its acks have come. */
  readonly onDrained: (assignment: Assignment) => void;
  /** Every receiver has settled: nothing refers to the dead thread any more. */
  readonly onHostSettled: (host: HostId) => void;
  readonly onPoison: (poison: Poison) => void;
}

export interface Assignments {
  readonly all: ReadonlyMap<string, Assignment>;
  byIndex(shard: ShardIndex): Assignment | undefined;
  /** A stop began: nothing is given to a thread any more, whoever becomes ready. */
  drain(): void;
  /** Gives the shard to a thread; without a ready one it waits for `threadReady`. */
  assign(lease: Lease): void;
  revoke(shardId: string, reason: EndReason): void;
  /** It is to leave this instance: nothing more is fetched, its batch in hand comes to its end. */
  drainShard(shardId: string): void;
  /** It stays after all, and is read on behind what is acked. */
  keep(shardId: string): void;
  /** A fetch thread or a receiver is ready: gives out what waits, and evens out the rest. */
  threadReady(): void;
  /** `hands`: what the thread had in hand. Returns the shards that it read. */
  hostDied(host: HostId, hands: readonly ShardIndex[]): readonly string[];
  /** Returns the shards that it handled. It is no ready receiver any more. */
  receiverDied(receiver: number, hands: readonly ShardIndex[]): readonly string[];
  settled(receiver: number, message: Extract<ReceiverToCoordinator, { type: 'settled' }>): void;
  yielded(receiver: number, message: Extract<ReceiverToCoordinator, { type: 'yielded' }>): void;
}

/** A receiver that is blocked by its handler for longer is not waited for: reading goes on from what is acked. */
const SETTLE_MS = 1_000;
const ISOLATION_MS = 10_000;

export function createAssignments(parts: AssignmentsParts): Assignments {
  const { timers } = parts;
  const all = new Map<string, Assignment>();
  const indexes = new Map<string, ShardIndex>();
  const shardIds: string[] = [];
  const epochs: number[] = [];
  /** Shards that wait before they are tried again. */
  const pauses = new Map<string, Timer>();
  const pending = new Set<Timer>();
  /** What threads had in hand that died and are not settled. */
  const hands = new Map<HostId, readonly ShardIndex[]>();
  /** By kind of thread: what is deadly to the one may do no harm to the other. */
  const suspects = { fetch: createSuspects(parts.random), handler: createSuspects(parts.random) };
  const settling = createSettling((host) => {
    hands.delete(host);
    parts.onHostSettled(host);
  });
  let draining = false;

  const indexOf = (shardId: string): ShardIndex => {
    let index = indexes.get(shardId);
    if (index === undefined) {
      index = shardIds.push(shardId) - 1;
      indexes.set(shardId, index);
      epochs.push(0);
    }
    return index;
  };

  const update = (assignment: Assignment, change: Partial<Assignment>): Assignment => {
    const next = { ...assignment, ...change };
    all.set(next.lease.shardId, next);
    return next;
  };

  const readers = function* (): Generator<Assignment & { readonly host: HostId; readonly receiver: number }> {
    for (const each of all.values()) {
      const { phase, host, receiver } = each;
      if (phase === 'reading' && host !== null && receiver !== null) yield { ...each, host, receiver };
    }
  };

  const hostsFor = ({ isolated }: Assignment): readonly HostId[] => {
    if (!isolated) return parts.readyHosts();
    const host = parts.isolationHost();
    return host === null ? [] : [host];
  };

  /** Starts the next epoch of a shard that waits. It keeps its receiver, where its earlier batches may still be queued. */
  const begin = (assignment: Assignment) => {
    const { lease, shard, from, isolated } = assignment;
    const { shardId, token, generation } = lease;
    if (draining || assignment.leaving || assignment.phase !== 'waiting' || pauses.has(shardId)) return;
    const receivers = assignment.receiver === null ? parts.readyReceivers() : [assignment.receiver];
    const where = place(readers(), hostsFor(assignment), receivers);
    if (where === null) return;
    const { host, receiver } = where;
    const epoch = (epochs[shard]! += 1);
    const begun = update(assignment, { phase: 'reading', epoch, host, receiver });
    const deadly = suspects.handler.positionOf(shardId);
    if (deadly !== null && isBefore(deadly, lease.acked)) suspects.handler.forget(shardId);
    const failures = suspects.handler.deathsOf(shardId);
    parts.toReceiver(receiver, {
      type: 'epoch',
      rows: [{ shard, shardId, token, epoch, generation, failures, host, reason: null }],
    });
    parts.toHost(host, {
      type: 'assign',
      shard,
      shardId,
      token,
      epoch,
      generation,
      from,
      receiver,
      range: parts.rangeOf(shardId),
      isolate: isolated,
    });
    parts.onAssigned(begun, host);
    if (isolated) later(ISOLATION_MS, () => lookAtIsolated(shardId, epoch));
  };

  const beginAll = () => {
    for (const assignment of all.values()) begin(assignment);
  };

  /** Not after a stop began: nothing is given out then, and a timer would hold the thread. */
  const later = (ms: number, fn: () => void): Timer | null => {
    if (draining) return null;
    const timer = timers.setTimeout(() => {
      pending.delete(timer);
      fn();
    }, ms);
    pending.add(timer);
    return timer;
  };

  const unpause = (shardId: string) => {
    const pause = pauses.get(shardId);
    if (pause === undefined) return;
    timers.clearTimeout(pause);
    pending.delete(pause);
    pauses.delete(shardId);
  };

  /** Waits for its next reader, which begins behind what its receiver has got; without a receiver, behind what is acked. */
  const wait = (assignment: Assignment, change: Partial<Assignment>, delayMs = 0) => {
    const { lease } = assignment;
    const { shardId } = lease;
    const next = { ...assignment, ...change };
    const isHeld = next.receiver !== null && isBefore(lease.acked, next.from);
    const waiting = update(next, { from: isHeld ? next.from : lease.acked, phase: 'waiting', host: null });
    unpause(shardId);
    if (next.leaving) {
      leave(waiting);
      return;
    }
    if (delayMs > 0) {
      const resume = () => {
        pauses.delete(shardId);
        const now = all.get(shardId);
        if (now !== undefined) begin(now);
      };
      const pause = later(delayMs, resume);
      if (pause !== null) pauses.set(shardId, pause);
    }
    begin(waiting);
  };

  /** Lets the receiver finish its batch in hand. Whatever comes to rest passes here again. */
  const leave = (assignment: Assignment) => {
    const { phase, shard, epoch, host, receiver } = assignment;
    switch (phase) {
      case 'waiting':
        if (receiver === null) {
          parts.onDrained(assignment);
          return;
        }
        break;
      case 'reading':
        if (host !== null) parts.toHost(host, { type: 'revoke', shard, epoch, reason: 'requested' });
        break;
      case 'settling':
      case 'yielding':
        // Comes to rest by itself.
        return;
      default:
        phase satisfies never;
    }
    if (receiver === null) return;
    parts.toReceiver(receiver, { type: 'yield', shard, epoch });
    update(assignment, { phase: 'yielding', host: null });
  };

  /** The thread had the shard in hand when it died: the next attempt is apart, and later ones wait. */
  const suspect = (kind: Poison['kind'], assignment: Assignment, position: Position) => {
    const { shardId } = assignment.lease;
    const verdict = suspects[kind].died(shardId, position);
    // In a fetch thread that it shares, the first two deaths only say that the record is on the page.
    const isKnown = kind === 'handler' || assignment.isolated;
    if (isKnown && verdict.deaths >= POISON_DEATHS) parts.onPoison({ shardId, kind, position, ...verdict });
    return verdict;
  };

  /** Its dead thread got through up to `from`. */
  const goOn = (assignment: Assignment, from: Position) => {
    const inHand = assignment.host === null ? [] : (hands.get(assignment.host) ?? []);
    if (!inHand.includes(assignment.shard)) {
      wait(assignment, { from });
      return;
    }
    const { deaths, delayMs } = suspect('fetch', assignment, from);
    wait(
      assignment,
      { from, isolated: assignment.isolated || deaths >= POISON_DEATHS },
      assignment.isolated ? delayMs : 0,
    );
  };

  /** To another fetch thread. The receiver drops what it gets twice. */
  const move = (assignment: Assignment, change: Partial<Assignment> = {}) => {
    const { shard, epoch, host } = assignment;
    if (host !== null) parts.toHost(host, { type: 'revoke', shard, epoch, reason: 'requested' });
    wait(assignment, change);
  };

  const lookAtIsolated = (shardId: string, epoch: number) => {
    const assignment = all.get(shardId);
    if (assignment?.epoch !== epoch || assignment.phase !== 'reading' || draining) return;
    const { host, shard, lease } = assignment;
    const deadly = suspects.fetch.positionOf(shardId);
    const isPast = deadly === null || isBefore(deadly, lease.acked);
    if (!isPast || (host !== null && parts.hasInHand(host, shard))) {
      later(ISOLATION_MS, () => lookAtIsolated(shardId, epoch));
      return;
    }
    suspects.fetch.forget(shardId);
    move(assignment, { isolated: false });
    endIsolation();
  };

  /** As few moves as possible: not while others are under way, after which it is looked at again. */
  const evenOut = () => {
    if (draining || [...all.values()].some(({ phase }) => phase === 'settling' || phase === 'yielding'))
      return;
    const shared = [...readers()].filter(({ isolated }) => !isolated);
    for (const assignment of surplus(
      shared.map((each) => [each, each.host] as const),
      parts.readyHosts(),
    )) {
      move(assignment);
    }
    const handled = [...readers()].map((each) => [each, each.receiver] as const);
    for (const assignment of surplus(handled, parts.readyReceivers())) {
      const { shard, epoch, host, receiver } = assignment;
      parts.toHost(host, { type: 'revoke', shard, epoch, reason: 'requested' });
      // Its batch in hand comes to its end there before another thread gets the next one.
      parts.toReceiver(receiver, { type: 'yield', shard, epoch });
      update(assignment, { phase: 'yielding', host: null });
    }
  };

  const endIsolation = () => {
    if (![...all.values()].some(({ isolated }) => isolated)) parts.endIsolation();
  };

  const forget = (shardId: string) => {
    const wasIsolated = all.get(shardId)?.isolated === true;
    all.delete(shardId);
    if (wasIsolated) endIsolation();
    suspects.fetch.forget(shardId);
    suspects.handler.forget(shardId);
    unpause(shardId);
  };

  return {
    all,
    byIndex(shard) {
      const shardId = shardIds[shard];
      return shardId === undefined ? undefined : all.get(shardId);
    },
    drain() {
      draining = true;
      for (const timer of pending) timers.clearTimeout(timer);
      pending.clear();
    },
    assign(lease) {
      const shard = indexOf(lease.shardId);
      const waiting: Assignment = {
        lease,
        shard,
        epoch: epochs[shard]!,
        phase: 'waiting',
        host: null,
        receiver: null,
        from: lease.from,
        isolated: false,
        leaving: false,
      };
      all.set(lease.shardId, waiting);
      begin(waiting);
    },
    revoke(shardId, reason) {
      const assignment = all.get(shardId);
      if (assignment === undefined) return;
      forget(shardId);
      const { shard, epoch, phase, host, receiver, lease } = assignment;
      const { token, generation } = lease;
      const row = { shard, shardId, token, epoch, generation, failures: 0, host: null, reason };
      if (receiver !== null) parts.toReceiver(receiver, { type: 'epoch', rows: [row] });
      if (phase === 'reading' && host !== null) parts.toHost(host, { type: 'revoke', shard, epoch, reason });
      // Others may have waited for it to come to rest.
      if (phase === 'settling' || phase === 'yielding') evenOut();
    },
    drainShard(shardId) {
      const assignment = all.get(shardId);
      if (assignment === undefined) return;
      unpause(shardId);
      leave(update(assignment, { leaving: true }));
    },
    keep(shardId) {
      const assignment = all.get(shardId);
      if (assignment?.leaving !== true) return;
      const kept = update(assignment, { leaving: false });
      // One that still yields begins again when it has.
      if (kept.phase === 'waiting') begin(kept);
    },
    threadReady() {
      beginAll();
      evenOut();
    },
    hostDied(host, inHand) {
      const read = [...all.values()].filter((each) => each.phase === 'reading' && each.host === host);
      const receivers = parts.readyReceivers();
      hands.set(host, inHand);
      for (const assignment of read) update(assignment, { phase: 'settling' });
      settling.expect(host, receivers);
      for (const receiver of receivers) parts.toReceiver(receiver, { type: 'hostGone', host });
      later(SETTLE_MS, () => {
        for (const { lease, epoch } of read) {
          const now = all.get(lease.shardId);
          if (now?.phase === 'settling' && now.epoch === epoch) goOn(now, now.from);
        }
        evenOut();
      });
      return read.map(({ lease }) => lease.shardId);
    },
    receiverDied(receiver, inHand) {
      settling.receiverGone(receiver);
      const handled = [...all.values()].filter((each) => each.receiver === receiver);
      for (const assignment of handled) {
        const { shard, epoch, phase, host, lease } = assignment;
        if (phase === 'reading' && host !== null)
          parts.toHost(host, { type: 'revoke', shard, epoch, reason: 'requested' });
        const delayMs = inHand.includes(shard) ? suspect('handler', assignment, lease.acked).delayMs : 0;
        // What it had received and not acked is lost with it.
        wait(assignment, { receiver: null }, delayMs);
      }
      return handled.map(({ lease }) => lease.shardId);
    },
    settled(receiver, { host, rows }) {
      const received = new Map(rows.map(([shard, epoch, position]) => [`${shard}:${epoch}`, position]));
      for (const assignment of all.values()) {
        const { phase, shard, epoch, from } = assignment;
        if (phase !== 'settling' || assignment.host !== host || assignment.receiver !== receiver) continue;
        // What was received stays valid: the next reader begins behind it.
        goOn(assignment, received.get(`${shard}:${epoch}`) ?? from);
      }
      settling.answered(host, receiver);
      evenOut();
    },
    yielded(receiver, { shard, epoch }) {
      const assignment = this.byIndex(shard);
      if (assignment?.phase !== 'yielding' || assignment.epoch !== epoch) return;
      if (assignment.receiver === receiver) wait(assignment, { receiver: null });
      evenOut();
    },
  };
}
