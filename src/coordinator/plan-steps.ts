// What this session does now about the plan: the lines that name it, when their time has come. It keeps only since when things have
// been as they are; the rows are the caller's.

import type { SessionId, SessionState, ShardRow } from '../model/lease-store.ts';
import { SHARD_END } from '../model/position.ts';
import { createTakeAllowance } from './plan-allowance.ts';
import { hash32 } from './plan-hash.ts';
import type { Plan, PlanSession } from './plan.ts';
import { createUnchanged } from './unchanged.ts';

export interface PlanStepsOptions {
  /** Nobody else can want a shard: all are taken at once. */
  readonly isAlone: boolean;
  /** After this long, and up to 8 s more, a free shard is anybody's. */
  readonly reservationTimeoutMs: number;
  /** For this long the plan must want a shard to move before somebody asks for it. */
  readonly rebalanceDelayMs: number;
  /** An owner that has not given a marked shard by then does not answer: well beyond the time that it may drain for. */
  readonly markTimeoutMs: number;
}

export interface StepsInput {
  readonly plan: Plan;
  readonly sessions: readonly PlanSession[];
  /** Those that the plan was made of. */
  readonly rows: readonly ShardRow[];
  readonly me: SessionId;
  /** The shards that this session holds or is taking. */
  readonly held: { has(shardId: string): boolean };
  /** How many shards it may hold beyond these; Infinity without a limit. */
  readonly room: number;
  /** The store refuses takes for now. */
  readonly quiet: boolean;
  /** Monotonic ms. */
  readonly now: number;
}

/** Each one a write whose condition is the row as it was seen. */
export interface Steps {
  readonly takes: readonly ShardRow[];
  /** Asks the owner for the shard. */
  readonly marks: readonly { readonly row: ShardRow; readonly handOffTo: SessionId }[];
  /** Takes a mark away. */
  readonly cancels: readonly { readonly row: ShardRow }[];
}

export interface PlanSteps {
  next(input: StepsInput): Steps;
  /** With a new session. */
  reset(): void;
}

/** Marked for one session and not handed off yet. */
const MAX_OUTSTANDING_MARKS = 16;
/** Whoever wants a free shard that is another's waits a time of its own beyond the time-out, so that not all try at once. */
const UNTOUCHED_SPREAD_MS = 8_000;
/** Until an owner that did not answer is asked for the same shard again: each time, it may stop reading for nothing. */
const MARK_RETRY_MS = 600_000;

export function createPlanSteps(options: PlanStepsOptions): PlanSteps {
  const { isAlone, reservationTimeoutMs, rebalanceDelayMs, markTimeoutMs } = options;
  /** Since when a free row has been as it is. */
  const untouched = createUnchanged();
  /** Since when the plan has wanted a shard away from where it is or is marked for, whoever is to get it. */
  const misplaced = createUnchanged();
  /** Since when a row has been marked for this session. */
  const marked = createUnchanged();
  const unanswered = createUnanswered();
  const allowance = createTakeAllowance();

  return {
    next({ plan, sessions, rows, me, held, room, quiet, now }) {
      const states = new Map(sessions.map(({ session, state }) => [session, state]));
      const mine = states.get(me);
      const toMe = new Set(plan.free.filter(({ to }) => to === me).map(({ shardId }) => shardId));
      const gives = new Map(plan.gives.map(({ shardId, to }) => [shardId, to]));
      const unassigned = new Set(plan.unassigned);

      // What nobody else may take comes first, and what is another's comes last.
      const own: ShardRow[] = [];
      const planned: ShardRow[] = [];
      const others: ShardRow[] = [];
      const wanted: ShardRow[] = [];
      const cancels: { row: ShardRow }[] = [];
      let outstanding = 0;

      const lookAtFree = (row: ShardRow) => {
        const since = untouched.since(row.shardId, stateOf(row), now);
        if (row.handOffTo === me) own.push(row);
        else if (toMe.has(row.shardId)) planned.push(row);
        else if (now - since >= reservationTimeoutMs + spreadMs(row.shardId, me)) others.push(row);
      };

      const lookAtPending = (row: ShardRow, isToMove: boolean) => {
        const { shardId, owner } = row;
        outstanding += 1;
        const since = marked.since(shardId, stateOf(row), now);
        // It may be evicted soon; then the mark is a reservation.
        if (!isRunning(states.get(owner!))) return;
        // What a third one is to get is for that one to mark anew: with no mark in between, the owner goes on with draining.
        const isToStay = isToMove && (gives.get(shardId) === owner || unassigned.has(shardId));
        const isTooLate = now - since >= markTimeoutMs;
        if (isTooLate) unanswered.add(row, now);
        if (isTooLate || isToStay || mine === 'draining') cancels.push({ row });
      };

      unanswered.sweep(now);
      for (const row of rows) {
        const { shardId, owner, handOffTo } = row;
        if (row.position === SHARD_END) continue;
        if (held.has(shardId)) {
          // Nobody will come for it, and a session's row has to stay as long as a shard names it.
          if (owner === me && handOffTo !== null && isOver(states.get(handOffTo))) cancels.push({ row });
          continue;
        }
        if (owner === null || isOver(states.get(owner))) {
          lookAtFree(row);
          continue;
        }
        if (owner === me) {
          own.push(row);
          continue;
        }
        const isMisplaced = gives.has(shardId) || unassigned.has(shardId);
        const isToMove = isMisplaced && now - misplaced.since(shardId, stateOf(row), now) >= rebalanceDelayMs;
        if (handOffTo === me) lookAtPending(row, isToMove);
        else if (isToMove && gives.get(shardId) === me) {
          // One that is leaving gives all it has back by itself, and one without a row has to be evicted.
          if (states.get(owner) === 'live' && !unanswered.has(row)) wanted.push(row);
        }
      }

      for (const each of [untouched, misplaced, marked]) each.sweep();
      // Nobody could have touched them.
      if (quiet) untouched.clear();
      if (quiet || mine !== 'live') return { takes: [], marks: [], cancels };

      const free = Math.max(0, room - outstanding);
      const takes = [...own, ...planned, ...others].slice(
        0,
        Math.min(free, isAlone ? Infinity : allowance.left(now)),
      );
      allowance.spend(takes.length);
      const markable = Math.max(0, Math.min(free - takes.length, MAX_OUTSTANDING_MARKS - outstanding));
      const marks = wanted.slice(0, markable).map((row) => ({ row, handOffTo: me }));
      return { takes, marks, cancels };
    },
    reset() {
      for (const each of [untouched, misplaced, marked, unanswered]) each.clear();
      allowance.reset();
    },
  };
}

/** Owners that did not answer to a mark, by shard. */
function createUnanswered() {
  const known = new Map<string, { readonly owner: SessionId | null; readonly since: number }>();
  return {
    add({ shardId, owner }: ShardRow, now: number): void {
      known.set(shardId, { owner, since: now });
    },
    has({ shardId, owner }: ShardRow): boolean {
      return known.get(shardId)?.owner === owner;
    },
    sweep(now: number): void {
      for (const [shardId, { since }] of known) if (now - since >= MARK_RETRY_MS) known.delete(shardId);
    },
    clear(): void {
      known.clear();
    },
  };
}

function isOver(state: SessionState | undefined): boolean {
  return state === 'ended' || state === 'dead';
}

function isRunning(state: SessionState | undefined): boolean {
  return state === 'live' || state === 'draining';
}

function spreadMs(shardId: string, me: SessionId): number {
  return hash32(`${shardId} ${me}`) % UNTOUCHED_SPREAD_MS;
}

/** Changes with every write that moves the shard. */
function stateOf({ owner, token, handOffTo }: ShardRow): string {
  return `${owner} ${token} ${handOffTo}`;
}
