// A lease table and the instances on it, in one loop without network or threads: ticks of a second, writes with their conditions.

import { createPlanSteps, type PlanSteps } from '../../src/coordinator/plan-steps.ts';
import { plan, type PlanSession } from '../../src/coordinator/plan.ts';
import type { SessionId, ShardRow } from '../../src/model/lease-store.ts';
import { integerFrom, type Random } from '../fakes/random.ts';
import { dealtTable, session, shuffled } from './plan-harness.ts';

interface Instance {
  readonly me: SessionId;
  readonly maxShards: number | null;
  readonly steps: PlanSteps;
  /** By shard, with the ticks for which it has been asked for. */
  readonly held: Map<string, number>;
  /** Does not answer to marks. */
  readonly isDeaf: boolean;
  /** Beats, and does nothing else. */
  readonly isStuck: boolean;
}

interface Snapshot {
  readonly sessions: readonly PlanSession[];
  readonly rows: readonly ShardRow[];
}

export interface SharedTableOptions {
  readonly shards: number;
  readonly random: Random;
  /** How often a look sees the table as it was up to two ticks ago. */
  readonly staleness?: number;
  /** How long an owner finishes what is in flight before it gives a shard up. */
  readonly drainTicks?: number;
}

const TICK_MS = 1_000;
/** From a death to the eviction. */
const EVICTED_AFTER_TICKS = 10;
const SETTLED_TICKS = 20;

export class SharedTable {
  /** Takes that were applied. */
  moves = 0;
  /** Takes, marks and cancels that were tried. */
  writes = 0;
  readonly #options: SharedTableOptions;
  readonly #rows: Map<string, ShardRow>;
  readonly #sessions = new Map<SessionId, PlanSession>();
  readonly #instances = new Map<SessionId, Instance>();
  readonly #evictions = new Map<SessionId, number>();
  readonly #past: Snapshot[] = [];
  #tick = 0;
  #joined = 0;

  constructor(options: SharedTableOptions) {
    this.#options = options;
    this.#rows = new Map(dealtTable(options.shards, [null]).map((row) => [row.shardId, row]));
  }

  get rows(): readonly ShardRow[] {
    return [...this.#rows.values()];
  }

  join({ maxShards = null, isDeaf = false, isStuck = false }: Partial<Instance> = {}): SessionId {
    const me = `instance-${this.#joined++}#${integerFrom(this.#options.random, 0, 1e6)}`;
    const steps = createPlanSteps({
      isAlone: false,
      reservationTimeoutMs: 5_000,
      rebalanceDelayMs: 2_000,
      markTimeoutMs: 60_000,
    });
    this.#sessions.set(me, session(me, maxShards));
    this.#instances.set(me, { me, maxShards, steps, held: new Map(), isDeaf, isStuck });
    return me;
  }

  leave(me: SessionId): void {
    this.#sessions.set(me, session(me, this.#instances.get(me)!.maxShards, 'draining'));
  }

  die(me: SessionId): void {
    this.#instances.delete(me);
    this.#evictions.set(me, this.#tick + EVICTED_AFTER_TICKS);
  }

  live(): SessionId[] {
    return [...this.#instances.keys()].filter((me) => this.#sessions.get(me)!.state === 'live');
  }

  /** Shards of each live session, ascending. */
  counts(): number[] {
    const { rows } = this;
    return this.live()
      .map((me) => rows.filter((row) => row.owner === me).length)
      .toSorted((a, b) => a - b);
  }

  planned() {
    return { sessions: [...this.#sessions.values()], shards: this.rows };
  }

  run(ticks: number): void {
    for (let n = 0; n < ticks; n += 1) this.#runTick();
  }

  /** Until nothing was written for a while; how many ticks there were with writes or before them. */
  settle(): number {
    let last = this.#tick;
    const begun = this.#tick;
    while (this.#tick - last <= SETTLED_TICKS) {
      const { writes } = this;
      this.#runTick();
      if (this.writes > writes || this.#evictions.size > 0) last = this.#tick;
      if (this.#tick - begun > 1_000) throw new Error(`Still writing after ${this.#tick - begun} ticks`);
    }
    return last - begun;
  }

  #runTick(): void {
    this.#tick += 1;
    for (const [me, at] of this.#evictions) {
      if (at > this.#tick) continue;
      this.#sessions.set(me, session(me, null, 'dead'));
      this.#evictions.delete(me);
    }
    this.#past.unshift({ sessions: [...this.#sessions.values()], rows: this.rows });
    this.#past.length = Math.min(this.#past.length, 3);
    for (const instance of shuffled(this.#options.random, [...this.#instances.values()])) {
      this.#giveUp(instance);
      if (!instance.isStuck) this.#carryOut(instance);
    }
  }

  /** What the owner does about marks, and when it leaves. */
  #giveUp({ me, held, isDeaf }: Instance): void {
    const { drainTicks = 0 } = this.#options;
    const isLeaving = this.#sessions.get(me)!.state === 'draining';
    for (const [shardId, asked] of held) {
      const row = this.#row(shardId);
      const taker = this.#sessions.get(row.handOffTo ?? '');
      if (!isLeaving && (taker?.state !== 'live' || isDeaf)) held.set(shardId, 0);
      else if (asked < drainTicks) held.set(shardId, asked + 1);
      else {
        held.delete(shardId);
        this.#put({ ...row, owner: null });
      }
    }
    if (!isLeaving || held.size > 0) return;
    this.#sessions.set(me, session(me, null, 'ended'));
    this.#instances.delete(me);
  }

  #carryOut({ me, maxShards, steps, held }: Instance): void {
    const { sessions, rows } = this.#look();
    const room = maxShards === null ? Infinity : maxShards - held.size;
    const now = this.#tick * TICK_MS;
    const input = {
      plan: plan({ sessions, shards: rows }),
      sessions,
      rows,
      me,
      held,
      room,
      quiet: false,
      now,
    };
    const { takes, marks, cancels } = steps.next(input);
    this.writes += takes.length + marks.length + cancels.length;
    for (const seen of takes) {
      const row = this.#row(seen.shardId);
      if (row.owner !== seen.owner || row.token !== seen.token) continue;
      this.#put({ ...row, owner: me, token: row.token + 1, handOffTo: null });
      held.set(row.shardId, 0);
      this.moves += 1;
    }
    const asked = [...marks, ...cancels.map(({ row }) => ({ row, handOffTo: null }))];
    for (const { row: seen, handOffTo } of asked) {
      const row = this.#row(seen.shardId);
      if (row.owner !== seen.owner || row.token !== seen.token || row.handOffTo !== seen.handOffTo) continue;
      this.#put({ ...row, handOffTo });
    }
    if (held.size > (maxShards ?? Infinity)) throw new Error(`${me} holds more than its limit`);
  }

  #look(): Snapshot {
    const { random, staleness = 0 } = this.#options;
    if (random() < staleness) return this.#past[integerFrom(random, 0, this.#past.length - 1)]!;
    return { sessions: [...this.#sessions.values()], rows: this.rows };
  }

  #row(shardId: string): ShardRow {
    return this.#rows.get(shardId)!;
  }

  #put(row: ShardRow): void {
    this.#rows.set(row.shardId, row);
  }
}
