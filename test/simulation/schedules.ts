// Many schedules one after the other, with a summary.

import type { Flavour } from './server.ts';
import { type Outcome, runSchedule, type ScheduleOptions } from './world.ts';

export interface SchedulesOptions extends Omit<ScheduleOptions, 'flavour' | 'trace'> {
  readonly from: number;
  readonly count: number;
  readonly flavour: Flavour | null;
  readonly maxViolations: number;
  readonly onViolation: (outcome: Outcome) => void;
  readonly onProgress?: (done: number) => void;
}

export interface Summary {
  schedules: number;
  violations: number;
  events: number;
  virtualHours: number;
  deliveries: number;
  takes: number;
  largestSettledMs: number;
}

const PROGRESS = 5_000;

export async function runSchedules(options: SchedulesOptions): Promise<Summary> {
  const { from, count, maxViolations, onViolation, onProgress } = options;
  const summary: Summary = {
    schedules: 0,
    violations: 0,
    events: 0,
    virtualHours: 0,
    deliveries: 0,
    takes: 0,
    largestSettledMs: 0,
  };
  for (let seed = from; seed < from + count && summary.violations < maxViolations; seed += 1) {
    const outcome = await runSchedule(seed, options);
    summary.schedules += 1;
    summary.events += outcome.events;
    summary.virtualHours += outcome.virtualMs / 3_600_000;
    summary.deliveries += outcome.deliveries;
    summary.takes += outcome.takes;
    if (outcome.settledMs > summary.largestSettledMs) summary.largestSettledMs = outcome.settledMs;
    if (outcome.violation !== null) {
      summary.violations += 1;
      onViolation(outcome);
    }
    // Rejections that nobody handled are noticed between turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    if (summary.schedules % PROGRESS === 0) onProgress?.(summary.schedules);
  }
  return summary;
}
