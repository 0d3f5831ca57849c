// The coordinator: wires topology, lease table, heartbeat and pool. One per consumer, in a thread of its own.

import type { KinesisApi } from '../kinesis/api.ts';
import { encodeError, ShardpoolError } from '../model/errors.ts';
import type { LeaseStore, SessionId } from '../model/lease-store.ts';
import { parentsOf } from '../model/shard.ts';
import type { BudgetKeeper } from '../platform/byte-budget.ts';
import type { Clock } from '../platform/clock.ts';
import type { Fence } from '../platform/fence.ts';
import { type Bell, createBell } from '../platform/bell.ts';
import { pendingReplies } from '../platform/pending-replies.ts';
import { settledWithin, type Timers } from '../platform/timers.ts';
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
import { createHeartbeat, type Heartbeat } from './heartbeat.ts';
import { createLeaseTable, type Lease, type LeaseTable } from './lease-table.ts';
import { eligible } from './lineage.ts';
import type { FetchPool, FetchPoolParts } from './pool.ts';
import { endPredecessor } from './predecessor.ts';
import { createReceivers, type ReceiverLink, type Receivers } from './receivers.ts';
import { shutDown, type ShutDownOutcome } from './shutdown.ts';
import { createShardWatch, REPLACED, type ShardWatch } from './shard-watch.ts';
import { createStatusBoard } from './status-board.ts';
import { ensureApp } from './stream-rows.ts';
import { openStream } from './stream-setup.ts';
import { createSupervision, LOOK_INTERVAL_MS, type Supervision, type ThreadsView } from './supervision.ts';
import { createSurvey, type Survey } from './survey.ts';
import { createTopology, type Topology } from './topology.ts';

export interface CoordinatorParts {
  readonly config: CoordinatorConfig;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly nonce: () => string;
  readonly fence: Fence;
  readonly host: { readonly name: string; readonly pid: number };
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
  readonly #leases: LeaseTable;
  readonly #assignments: Assignments;
  readonly #heartbeat: Heartbeat;
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
  readonly #survey: Survey;
  readonly #bells: Bell[] = [];
  readonly #lookBell: Bell;
  #loops: Promise<void>[] = [];
  #failed = false;

  constructor(parts: CoordinatorParts) {
    const { config, clock, timers, fence, store } = parts;
    this.#parts = parts;
    this.#lookBell = this.#bell();
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
    this.#heartbeat = createHeartbeat({
      ...config,
      store,
      fence,
      clock,
      timers,
      nonce: parts.nonce,
      host: { ...parts.host, version: config.version },
      onLost: (session, cause) => {
        parts.emit({ name: 'session:lost', session, cause });
        this.#leases.loseAll(cause);
      },
      onRenewed: (session) => {
        parts.onSession(session);
        this.#lookBell.ring();
      },
      onError: (error) => parts.log('The heartbeat could not be written', error),
    });
    this.#leases = createLeaseTable({
      store,
      timers,
      session: () => this.#heartbeat.session,
      generation: () => fence.generation,
      isValid: () => this.#heartbeat.isValid(),
      onTaken: (lease) => this.#assignments.assign(lease),
      onDone: (lease) => this.#shardDone(lease),
      onLost: (lease, cause) => this.#leaseLost(lease, cause),
      onError: (error) => parts.log('A lease could not be written', error),
    });
    this.#assignments = createAssignments({
      timers,
      random: parts.random,
      readyHosts: () => this.#pool.ready,
      isolationHost: () => this.#pool.isolation(),
      endIsolation: () => this.#pool.endIsolation(),
      readyReceivers: () => this.#receivers.ready,
      rangeOf: (shardId) => this.#survey.listing.shards.find((shard) => shard.shardId === shardId) ?? null,
      hasInHand: (host, shard) => parts.threads.hostHas(host, shard),
      toHost: (host, message) => this.#pool.post(host, message),
      toReceiver: (receiver, message) => this.#receivers.post(receiver, message),
      onAssigned: ({ lease }, host) => this.#announce(lease, host),
      onHostSettled: (host) => this.#supervision.hostSettled(host),
      onPoison: (poison) => parts.emit({ name: 'record:poison', ...poison }),
    });
    parts.receivers.forEach((link, receiver) => this.#receivers.join(receiver, link));
    this.#watch = createShardWatch({
      ...parts,
      board: this.#board,
      leases: () => this.#leases,
      assignments: () => this.#assignments,
    });
    this.#survey = createSurvey({
      ...parts,
      stopping: this.#stopping.signal,
      heartbeat: () => this.#heartbeat,
      leases: () => this.#leases,
      watch: () => this.#watch,
      onListed: () => this.#lookBell.ring(),
    });
    this.#topology = createTopology({
      ...config,
      api: parts.api,
      clock,
      timers,
      random: parts.random,
      onListing: (listing) => this.#survey.listed(listing),
      onRetry: (error, attempt, delayMs) =>
        parts.emit({ name: 'topology:retry', error: encodeError(error), attempt, delayMs }),
      onFatal: (error) => this.#fail(error),
    });
  }

  /** Resolves with the number of listed shards once the first ones are being read. */
  async start(): Promise<number> {
    const parts = this.#parts;
    const { api, config, clock, timers, store } = parts;
    const { signal } = this.#stopping;
    const threads = this.#pool.start(POOL_START_MS);
    // Awaited below; an earlier failure of the stream must not leave it unhandled.
    threads.catch(() => undefined);
    const { stream } = config.address;
    const listing = await openStream({ api, config, stream, clock, timers, signal });
    const app = await ensureApp(store, config, listing.serverTimeMs);
    if (parts.predecessor !== null) await endPredecessor({ ...parts, stopping: signal }, parts.predecessor);
    await this.#heartbeat.start();
    parts.onSession(this.#heartbeat.session);
    await this.#survey.begin(app.start, listing);
    await threads;
    await this.#survey.look();
    this.#topology.start();
    const jittered = (ms: number) => () => ms * (0.9 + 0.2 * this.#parts.random());
    this.#loops = [
      this.#every(this.#lookBell, jittered(config.coordinationIntervalMs), () => this.#survey.look()),
      this.#every(this.#bell(), jittered(config.checkpointIntervalMs), () => this.#leases.flush()),
      this.#every(
        this.#bell(),
        () => LOOK_INTERVAL_MS,
        () => {
          parts.tick();
          this.#supervision.look();
          this.#watch.lookForStalls();
        },
      ),
    ];
    return listing.shards.length;
  }

  /** Drains, writes the last positions, gives the leases back and ends the threads. Returns where each shard stands. */
  async stop(drainMs: number): Promise<ShutDownOutcome> {
    this.#stopping.abort();
    for (const bell of this.#bells) bell.ring();
    return shutDown({
      ...this.#parts,
      drainMs,
      receivers: this.#receivers,
      pool: this.#pool,
      leases: this.#leases,
      assignments: this.#assignments,
      heartbeat: this.#heartbeat,
      fetchersDrained: this.#fetchersDrained,
      receiversDrained: this.#receiversDrained,
      loopsEnded: Promise.all([this.#topology.stop(), ...this.#loops]),
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
          if (assignment !== undefined) this.#leases.acked(assignment.lease.shardId, token, upTo);
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
    const failure = await this.#leases.flush();
    if (failure !== null) throw failure;
  }

  status(): CoordinatorStatus {
    const { listing, rows: shards } = this.#survey;
    const loads = new Map<HostId, number>();
    for (const { host } of this.#assignments.all.values()) {
      if (host !== null) loads.set(host, (loads.get(host) ?? 0) + 1);
    }
    return {
      session: this.#heartbeat.session,
      shards: this.#board.rows({
        listing,
        shards,
        eligibility: eligible(shards, listing.shards),
        held: this.#leases.held,
        assignments: this.#assignments.all,
      }),
      threads: this.#pool.ready.map((thread) => ({
        thread,
        shards: loads.get(thread) ?? 0,
        utilization: this.#board.threads.get(thread) ?? 0,
      })),
      largestBeatGapMs: this.#heartbeat.stats.largestGapMs,
      beats: this.#heartbeat.stats.beats,
      leaseRemainingMs: this.#parts.fence.remainingMs(),
      bufferedBytes: this.#parts.budget.totalBytes() - this.#parts.budget.freeBytes(),
    };
  }

  #bell(): Bell {
    const bell = createBell(this.#parts.timers);
    this.#bells.push(bell);
    return bell;
  }

  /** Runs `work` at intervals until the stop; a failure is logged and does not end the loop. */
  async #every(bell: Bell, intervalMs: () => number, work: () => unknown): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await bell.wait(intervalMs());
      if (signal.aborted) return;
      try {
        await work();
      } catch (error) {
        this.#parts.log('The coordinator met an error and goes on', error);
      }
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
    const hasChildren = this.#survey.listing.shards.some((shard) => parentsOf(shard).includes(shardId));
    if (!hasChildren) this.#topology.refresh([]);
    this.#lookBell.ring();
  }

  #leaseLost({ shardId, token, acked: position }: Lease, cause: string): void {
    this.#assignments.revoke(shardId, 'lease-lost');
    const reason = cause === REPLACED ? 'shard-gone' : 'lease-lost';
    if (reason === 'lease-lost') this.#parts.emit({ name: 'lease:lost', shardId, token, cause });
    this.#parts.emit({ name: 'shard:end', shardId, reason, position });
    this.#lookBell.ring();
  }

  #fail(error: unknown): void {
    if (this.#failed || this.#stopping.signal.aborted) return;
    this.#failed = true;
    this.#parts.onFatal(error);
  }
}
