// How long the allocation of one tick takes: the plan, and what one session does about it.

import { plan, type PlanSession } from '../../src/coordinator/plan.ts';
import { createPlanSteps } from '../../src/coordinator/plan-steps.ts';
import type { ShardRow } from '../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import { summarize } from '../statistics.ts';

export interface PlanTrial {
  readonly kind: 'plan';
  readonly table: 'balanced' | 'joining' | 'dying' | 'free' | 'one-has-all' | 'all-marked';
  readonly shards: number;
  readonly sessions: number;
}

export interface PlanFigures {
  /** Of one call once V8 has compiled it, ms. */
  readonly planMs: number;
  /** Of the very first call. */
  readonly firstPlanMs: number;
  /** What comes after it in each tick. */
  readonly stepsMs: number;
}

const CALLS = 60;
/** What V8 needs to compile the loops. */
const WARM_UP = 20;

export function runPlanTrial(trial: PlanTrial): PlanFigures {
  const sessions = Array.from({ length: trial.sessions }, (_, n): PlanSession => {
    const isDead = trial.table === 'dying' && n === 1;
    return { session: nameOf(n), state: isDead ? 'dead' : 'live', maxShards: null };
  });
  const rows = Array.from({ length: trial.shards }, (_, n) => rowOf(trial, n));
  const steps = createPlanSteps({
    isAlone: false,
    reservationTimeoutMs: 5_000,
    rebalanceDelayMs: 2_000,
    markTimeoutMs: 60_000,
  });
  const me = nameOf(0);
  const held = new Set(rows.filter(({ owner }) => owner === me).map(({ shardId }) => shardId));
  const plans: number[] = [];
  const nexts: number[] = [];
  for (let call = 0; call < CALLS; call += 1) {
    const begun = performance.now();
    const planned = plan({ sessions, shards: rows });
    const done = performance.now();
    // No time passes: nothing is taken that would have to be taken off the table.
    steps.next({ plan: planned, sessions, rows, me, held, room: Infinity, quiet: false, now: 0 });
    plans.push(done - begun);
    nexts.push(performance.now() - done);
  }
  return {
    planMs: summarize(plans.slice(WARM_UP)).median,
    firstPlanMs: plans[0]!,
    stepsMs: summarize(nexts.slice(WARM_UP)).median,
  };
}

function nameOf(n: number): string {
  return `host-${n}.example.internal#${(n * 7919 + 104_729).toString(36)}`;
}

function rowOf({ table, sessions }: PlanTrial, n: number): ShardRow {
  const owners =
    table === 'joining' ? sessions - 1 : table === 'one-has-all' || table === 'all-marked' ? 1 : sessions;
  return {
    shardId: `shardId-${String(n).padStart(12, '0')}`,
    startsAt: '1',
    parents: [],
    position: TRIM_HORIZON,
    owner: table === 'free' ? null : nameOf(n % owners),
    token: 1,
    handOffTo: table === 'all-marked' ? nameOf(1 % sessions) : null,
  };
}
