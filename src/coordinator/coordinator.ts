// The coordinator: wires topology, leases, pool and receivers. One per consumer, in a thread of its own.

import type { KinesisApi } from '../kinesis/api.ts';
import { encodeError, ShardpoolError } from '../model/errors.ts';
import type { LeaseStore, SessionId, SessionRow } from '../model/lease-store.ts';
import { parentsOf } from '../model/shard.ts';
import type { BudgetKeeper } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fence } from '../platform/fence.ts';
import { pendingReplies } from '../platform/pending-replies.ts';
import { delay, settledWithin, type Timers } from '../platform/timers.ts';
import type {
  CoordinatorConfig,
  CoordinatorStatus,
  HostId,
  ReceiverToCoordinator,
  ThreadEvent,
} from '../protocol.ts';
import { type Assignments, createAssignments } from './assignments.ts';
import type { CredentialsCache } from './credentials.ts';
import { type Draining, draining } from './draining.ts';
import { fetchMessages } from './fetch-messages.ts';
import type { Lease } from './lease-table.ts';
import { createLeasing, type Leasing } from './leasing.ts';
import { eligible } from './lineage.ts';
import type { FetchPool, FetchPoolParts } from './pool.ts';
import { endPredecessor } from './predecessor.ts';
import { createReceivers, type ReceiverLink, type Receivers } from './receivers.ts';
import { shutDown, type ShutDownOutcome } from './shutdown.ts';
import { createShardWatch, REPLACED, type ShardWatch } from './shard-watch.ts';
import { createStatusBoard, instancesOf } from './status-board.ts';
import { openStream } from './stream-setup.ts';
import { createSupervision, LOOK_INTERVAL_MS, type Supervision, type ThreadsView } from './supervision.ts';
import { createTopology, type Topology } from './topology.ts';

export interface CoordinatorParts {
  readonly config: CoordinatorConfig;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly nonce: () => string;
  readonly fence: Fence;
  readonly host: { readonly name: string; readonly boot: string; readonly pid: number };
  readonly isProcessGone: (row: SessionRow) => boolean;
  readonly api: KinesisApi;
  readonly credentials: CredentialsCache;
  readonly store: LeaseStore;
  readonly createPool: (
    hooks: Pick<FetchPoolParts, 'receivers' | 'onDataPort' | 'onMessage' | 'onDeath' | 'onError'>,
  ) => FetchPool;
  /** Those that there are at the start; the index is the number. */
  readonly receivers: readonly ReceiverLink[];
  readonly budget: BudgetKeeper;
  /** Says that this thread moves; whoever watches it sees the counter. */
  readonly tick: () => void;
  readonly threads: ThreadsView;
  /** The session of a coordinator that this one follows, which has been ended; null for the first one. */
  readonly predecessor: SessionId | null;
  readonly onSession: (session: SessionId) => void;
  /** The thread of a receiver is dead. */
  readonly onReceiverGone: (receiver: number, shards: readonly string[]) => void;
  readonly emit: (event: ThreadEvent) => void;
  readonly log: (message: string, error: unknown) => void;
  /** The consumer cannot go on. Called once at most. */
  readonly onFatal: (error: unknown) => void;
}

const POOL_START_MS = 30_000;
const FLUSH_MS = 10_000;

export class Coordinator {
  readonly #parts: CoordinatorParts;
  readonly #pool: FetchPool;
  readonly #assignments: Assignments;
  readonly #leasing: Leasing;
  readonly #topology: Topology;
  readonly #board = createStatusBoard();
  readonly #watch: ShardWatch;
  readonly #stopping = new AbortController();
  readonly #fetchersDrained: Draining = draining();
  readonly #receiversDrained: Draining = draining();
  readonly #announced = new WeakSet<Lease>();
  readonly #flushes = pendingReplies<void>();
  readonly #receivers: Receivers;
  readonly #supervision: Supervision;
  #looking: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(parts: CoordinatorParts) {
    const { config, clock, timers } = parts;
    this.#parts = parts;
    this.#supervision = createSupervision({
      ...parts,
      stopping: this.#stopping.signal,
      pool: () => this.#pool,
      receivers: () => this.#receivers,
      assignments: () => this.#assignments,
      board: this.#board,
      fetchersDrained: this.#fetchersDrained,
      receiversDrained: this.#receiversDrained,
      onFatal: (error) => this.#fail(error),
    });
    this.#receivers = createReceivers({
      hosts: () => this.#pool.all,
      release: (host, receiver) => this.#pool.post(host, { type: 'receiverGone', receiver }),
      onMessage: (receiver, message) => this.#fromReceiver(receiver, message),
      onGone: (receiver) => this.#supervision.receiverDied(receiver),
      onReleased: (receiver) => parts.budget.repayReceiver(receiver),
      onJoined: (receiver) => {
        this.#pool.connect(receiver);
        this.#assignments.threadReady();
      },
    });
    this.#pool = parts.createPool({
      receivers: () => this.#receivers.ready,
      onDataPort: (receiver, host, port) => this.#receivers.post(receiver, { type: 'host', host, port }),
      onMessage: fetchMessages({
        ...parts,
        assignments: () => this.#assignments,
        receivers: () => this.#receivers,
        watch: () => this.#watch,
        topology: () => this.#topology,
        board: this.#board,
        drained: this.#fetchersDrained,
        post: (host, message) => this.#pool.post(host, message),
        onFatal: (error) => this.#fail(error),
      }),
      onDeath: (death) => this.#supervision.hostDied(death),
      onError: (error) => this.#fail(error),
    });
    this.#leasing = createLeasing({
      ...parts,
      reading: {
        begin: (lease) => this.#assignments.assign(lease),
        drain: (lease) => this.#assignments.drainShard(lease.shardId),
        resume: (lease) => this.#assignments.keep(lease.shardId),
        abort: (lease) => this.#assignments.revoke(lease.shardId, 'handed-off'),
        handedOff: (lease) => this.#handedOff(lease),
        done: (lease) => this.#shardDone(lease),
        lost: (lease, cause) => this.#leaseLost(lease, cause),
      },
      onRows: (listing, rows, replaced) => this.#watch.listed(listing, rows, replaced),
    });
    this.#assignments = createAssignments({
      timers,
      random: parts.random,
      readyHosts: () => this.#pool.ready,
      isolationHost: () => this.#pool.isolation(),
      endIsolation: () => this.#pool.endIsolation(),
      readyReceivers: () => this.#receivers.ready,
      rangeOf: (shardId) => this.#leasing.listing.shards.find((shard) => shard.shardId === shardId) ?? null,
      hasInHand: (host, shard) => parts.threads.hostHas(host, shard),
      toHost: (host, message) => this.#pool.post(host, message),
      toReceiver: (receiver, message) => this.#receivers.post(receiver, message),
      onAssigned: ({ lease }, host) => this.#announce(lease, host),
      onDrained: ({ lease }) => this.#leasing.drained(lease.shardId, lease.token),
      onHostSettled: (host) => this.#supervision.hostSettled(host),
      onPoison: (poison) => parts.emit({ name: 'record:poison', ...poison }),
    });
    parts.receivers.forEach((link, receiver) => this.#receivers.join(receiver, link));
    this.#watch = createShardWatch({
      ...parts,
      board: this.#board,
      leases: () => this.#leasing,
      assignments: () => this.#assignments,
    });
    this.#topology = createTopology({
      ...config,
      api: parts.api,
      clock,
      timers,
      random: parts.random,
      onListing: (listing) => this.#leasing.listed(listing),
      onRetry: (error, attempt, delayMs) =>
        parts.emit({ name: 'topology:retry', error: encodeError(error), attempt, delayMs }),
      onFatal: (error) => this.#fail(error),
    });
  }

  /** Resolves with the number of listed shards once the first ones are being read. */
  async start(): Promise<number> {
    const parts = this.#parts;
    const { api, config, clock, timers } = parts;
    const { signal } = this.#stopping;
    const threads = this.#pool.start(POOL_START_MS);
    // Awaited below; an earlier failure of the stream must not leave it unhandled.
    threads.catch(() => undefined);
    const { stream } = config.address;
    const listing = await openStream({ api, config, stream, clock, timers, signal });
    const app = await this.#leasing.adopt(listing.serverTimeMs);
    if (parts.predecessor !== null) await endPredecessor({ ...parts, stopping: signal }, parts.predecessor);
    await this.#leasing.join(app.start, listing);
    await threads;
    await this.#leasing.run();
    this.#topology.start();
    this.#looking = this.#look();
    return listing.shards.length;
  }

  /** Drains, writes the last positions, gives the leases back and ends the threads. Returns where each shard stands. */
  async stop(drainMs: number): Promise<ShutDownOutcome> {
    this.#stopping.abort();
    return shutDown({
      ...this.#parts,
      drainMs,
      receivers: this.#receivers,
      pool: this.#pool,
      leasing: this.#leasing,
      assignments: this.#assignments,
      fetchersDrained: this.#fetchersDrained,
      receiversDrained: this.#receiversDrained,
      loopsEnded: Promise.all([this.#topology.stop(), this.#looking]),
    });
  }

  /** A receiver that follows one that died. */
  join(receiver: number, link: ReceiverLink): void {
    this.#receivers.join(receiver, link);
  }

  #fromReceiver(receiver: number, message: ReceiverToCoordinator): void {
    switch (message.type) {
      case 'acked':
        for (const [shard, token, , upTo] of message.rows) {
          const assignment = this.#assignments.byIndex(shard);
          if (assignment !== undefined) this.#leasing.acked(assignment.lease.shardId, token, upTo);
        }
        break;
      case 'settled':
        this.#assignments.settled(receiver, message);
        break;
      case 'yielded':
        this.#assignments.yielded(receiver, message);
        break;
      case 'flushed':
        this.#flushes.settle(message.id, undefined, null);
        break;
      case 'drained':
        this.#receiversDrained.drained(receiver, message.late);
        break;
      default:
        message satisfies never;
    }
  }

  /** Writes what is acked now instead of at the next interval. */
  async checkpoint(): Promise<void> {
    const { timers } = this.#parts;
    const receivers = this.#receivers;
    // What was acked a moment ago may still be in the receivers, which send their acks once a turn.
    const flushed = receivers.ready.map((receiver) =>
      Promise.race([
        this.#flushes.ask((id) => receivers.post(receiver, { type: 'flush', id })),
        receivers.whenGone(receiver),
      ]),
    );
    if (!(await settledWithin(timers, Promise.all(flushed), FLUSH_MS))) {
      throw new ShardpoolError(
        'ERR_TIMEOUT',
        `A handler has blocked its thread for more than ${FLUSH_MS} ms`,
      );
    }
    const failure = await this.#leasing.flush();
    if (failure !== null) throw failure;
  }

  status(): CoordinatorStatus {
    const leasing = this.#leasing;
    const { listing, rows: shards, sessions, unassigned } = leasing;
    const loads = new Map<HostId, number>();
    for (const { host } of this.#assignments.all.values()) {
      if (host !== null) loads.set(host, (loads.get(host) ?? 0) + 1);
    }
    return {
      session: leasing.session,
      instances: instancesOf(sessions, shards),
      unassigned,
      shards: this.#board.rows({
        listing,
        shards,
        eligibility: eligible(shards, listing.shards),
        held: leasing.held,
        assignments: this.#assignments.all,
      }),
      threads: this.#pool.ready.map((thread) => ({
        thread,
        shards: loads.get(thread) ?? 0,
        utilization: this.#board.threads.get(thread) ?? 0,
      })),
      largestBeatGapMs: leasing.stats.largestGapMs,
      beats: leasing.stats.beats,
      leaseRemainingMs: this.#parts.fence.remainingMs(),
      storeReadAgoMs: this.#parts.clock.monotonic() - leasing.lastReadAt,
      storeError: leasing.storeError === null ? null : encodeError(leasing.storeError),
      stalled: this.#watch.stalled,
      bufferedBytes: this.#parts.budget.totalBytes() - this.#parts.budget.freeBytes(),
    };
  }

  /** At the threads and at the shards, until the stop. */
  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#parts.tick();
        this.#supervision.look();
        this.#watch.lookForStalls();
      } catch (error) {
        this.#parts.log('The coordinator met an error and goes on', error);
      }
      await delay(this.#parts.timers, LOOK_INTERVAL_MS, signal);
    }
  }

  #announce(lease: Lease, host: HostId): void {
    if (this.#announced.has(lease)) return;
    this.#announced.add(lease);
    const { shardId, from: position, token } = lease;
    this.#parts.emit({ name: 'shard:start', shardId, position, token, thread: host });
  }

  #shardDone({ shardId, stored: position }: Lease): void {
    const reason = this.#watch.endOf(shardId);
    this.#assignments.revoke(shardId, 'shard-end');
    this.#parts.emit({ name: 'shard:end', shardId, reason, position });
    // Its children may be eligible now, or not even listed yet.
    const hasChildren = this.#leasing.listing.shards.some((shard) => parentsOf(shard).includes(shardId));
    if (!hasChildren) this.#topology.refresh([]);
  }

  #leaseLost({ shardId, token, acked: position }: Lease, cause: string): void {
    this.#assignments.revoke(shardId, 'lease-lost');
    const reason = cause === REPLACED ? 'shard-gone' : 'lease-lost';
    if (reason === 'lease-lost') this.#parts.emit({ name: 'lease:lost', shardId, token, cause });
    this.#parts.emit({ name: 'shard:end', shardId, reason, position });
  }

  #handedOff({ shardId, acked: position }: Lease): void {
    this.#assignments.revoke(shardId, 'handed-off');
    this.#parts.emit({ name: 'shard:end', shardId, reason: 'handed-off', position });
  }

  #fail(error: unknown): void {
    if (this.#failed || this.#stopping.signal.aborted) return;
    this.#failed = true;
    this.#parts.onFatal(error);
  }
}
