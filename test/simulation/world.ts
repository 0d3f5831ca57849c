// One schedule from its first event to its verdict: the plot of the seed is played, then the faults end, and all must come to rest.

import { SHARD_END } from '../../src/model/position.ts';
import { seededRandom } from '../fakes/random.ts';
import { createInstance, type Instance } from './instance.ts';
import { createMonitor, Violation } from './monitor.ts';
import { CALM } from './network.ts';
import { type Fault, type Plot, plotOf } from './plot.ts';
import type { ReaderMutation } from './reader.ts';
import { restlessness } from './rest.ts';
import type { StoreMutation } from './rows.ts';
import { createServer, type Flavour } from './server.ts';
import { createStream } from './stream.ts';
import { createTrueTime } from './true-time.ts';

export interface ScheduleOptions {
  readonly flavour?: Flavour | null;
  readonly trace?: boolean;
  readonly storeMutations?: readonly StoreMutation[];
  readonly readerMutations?: readonly ReaderMutation[];
}

export interface Outcome {
  readonly seed: number;
  readonly flavour: Flavour;
  /** Null where nothing was violated. */
  readonly violation: string | null;
  readonly plot: Plot;
  readonly trace: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  /** From the end of the faults until all was as it should be; NaN where it never was. */
  readonly settledMs: number;
  readonly deliveries: number;
  readonly takes: number;
}

const PRODUCE_MS = 500;
const STUCK_MS = 40_000;
const LOOK_MS = 500;
/** By then all must have come to rest. */
const REST_LIMIT_MS = 180_000;
/** For so long nothing must move then. */
const IDLE_MS = 15_000;

export async function runSchedule(seed: number, options: ScheduleOptions = {}): Promise<Outcome> {
  const plot = plotOf(seed, options.flavour ?? null);
  const { settings, calmAt } = plot;
  const time = createTrueTime();
  const random = seededRandom(seed ^ 0x5eed);
  const trace: string[] = [];
  const tell = (what: () => string) => {
    if (options.trace === true) trace.push(`${(time.now / 1_000).toFixed(3).padStart(8)} ${what()}`);
  };
  let violation: string | null = null;
  let isCalm = false;
  let deliveries = 0;
  let takes = 0;
  let moves = 0;
  let pid = 0;
  let outUntil = -1;
  let lateUntil = 0;
  const partedUntil = new Map<number, number>();
  const deafUntil = new Map<number, number>();
  const stale = new Map<number, { readonly at: number; readonly until: number }>();
  let atTake: (() => void) | null = null;
  const instances: Instance[] = [];
  const onViolation = ({ message }: Violation) => {
    tell(() => `VIOLATION: ${message}`);
    violation ??= message;
  };

  const stream = createStream(time, random, plot.shards, plot.silent);
  const monitor = createMonitor({
    stream,
    instances: () => instances,
    row: (shardId) => server.rows.shard(shardId),
    onViolation,
    onDelivery: () => {
      deliveries += 1;
    },
  });
  const server = createServer({
    time,
    flavour: plot.flavour,
    leaseDurationMs: settings.leaseDurationMs,
    mutations: new Set(options.storeMutations),
    onShard(before, after, by) {
      monitor.stored(before, after, by);
      if (by.name === 'take') {
        takes += 1;
        atTake?.();
        atTake = null;
      }
      if (by.name !== 'checkpoint' && by.name !== 'createShard' && by.name !== 'deleteShard') moves += 1;
    },
    onRev: () => {
      for (const instance of instances) instance.onRev();
    },
  });

  for (const [index, { rate, maxShards, startsAt }] of plot.instances.entries()) {
    const dice = seededRandom(seed * 31 + index);
    const instance = createInstance({
      name: `i${index + 1}`,
      rate,
      maxShards,
      time,
      random: dice,
      settings,
      flavour: plot.flavour,
      server,
      stream,
      monitor,
      weather: () => (isCalm ? CALM : plot.weather),
      isOut: () => !isCalm && (time.now < outUntil || time.now < (partedUntil.get(index) ?? -1)),
      isDeaf: () => !isCalm && time.now < (deafUntil.get(index) ?? -1),
      readsUntil() {
        const replica = stale.get(index);
        return !isCalm && replica !== undefined && time.now < replica.until ? replica.at : Infinity;
      },
      listingAgeMs: () => (isCalm ? 0 : dice() * plot.listingAgeMs),
      handlingMs: () => (!isCalm && dice() < plot.stuck ? dice() * STUCK_MS : dice() * plot.handlingMs),
      isPidAlive: (asked) => instances.some((each) => each.pid === asked),
      nextPid: () => (pid += 1),
      onLate: (at) => {
        lateUntil = Math.max(lateUntil, at);
      },
      mutations: new Set(options.readerMutations),
      tell,
    });
    instances.push(instance);
    time.after(startsAt, () => {
      if (!isCalm) instance.start();
    });
  }

  const back = (instance: Instance, ms: number | null) => {
    if (ms === null) return;
    time.after(ms, () => {
      if (!isCalm && !instance.isAlive) instance.start();
    });
  };

  const failOver = ({ awayMs, skewMs }: Extract<Fault, { kind: 'fail-over' }>, forgottenMs: number) => {
    tell(() => `FAIL-OVER, forgets ${Math.round(forgottenMs)} ms`);
    monitor.forget();
    server.failOver(forgottenMs, skewMs);
    outUntil = Math.max(outUntil, time.now + awayMs);
  };

  const reshard = (what: string) => tell(() => `STREAM ${what}`);

  const strike = (fault: Fault): void => {
    tell(() => `FAULT ${JSON.stringify(fault)}`);
    switch (fault.kind) {
      case 'pause':
        instances[fault.instance]!.pause(fault.ms);
        break;
      case 'freeze':
        instances[fault.instance]!.freeze(fault.ms);
        break;
      case 'crash':
        instances[fault.instance]!.crash();
        back(instances[fault.instance]!, fault.backAfterMs);
        break;
      case 'stop':
        instances[fault.instance]!.stop();
        back(instances[fault.instance]!, fault.backAfterMs);
        break;
      case 'outage':
        if (fault.instance === null) outUntil = time.now + fault.ms;
        else partedUntil.set(fault.instance, time.now + fault.ms);
        break;
      case 'fail-over':
        if (!fault.atTake) failOver(fault, fault.forgottenMs);
        else {
          atTake = () => {
            const inMs = random() * 300;
            time.after(inMs, () => {
              if (!isCalm) failOver(fault, Math.max(fault.forgottenMs, inMs + 1));
            });
          };
        }
        break;
      case 'deaf':
        deafUntil.set(fault.instance, time.now + fault.ms);
        break;
      case 'stale':
        stale.set(fault.instance, { at: time.now, until: time.now + fault.ms });
        break;
      case 'split':
        reshard(stream.split());
        break;
      case 'merge':
        reshard(stream.merge());
        break;
      case 'double-split':
        reshard(`${stream.split()}, ${stream.split()}`);
        break;
      case 'retention':
        expire();
        break;
      default:
        fault satisfies never;
    }
  };

  /** Retention takes what is done. */
  const expire = () => {
    for (const shard of stream.shards.values()) {
      if (server.rows.shard(shard.shardId)?.position === SHARD_END && random() < 0.5)
        shard.goneAt = Math.min(shard.goneAt, time.now);
    }
  };

  const produce = () => {
    if (isCalm) return;
    stream.produce();
    time.after(PRODUCE_MS, produce);
  };
  produce();
  for (const { at, fault } of plot.faults) time.after(at, () => strike(fault));

  const isOver = () => violation !== null;
  await time.run(calmAt, isOver);

  isCalm = true;
  expire();
  tell(() => 'the faults end');
  for (const instance of instances) {
    instance.wake();
    if (!instance.isAlive && random() < 0.5) instance.start();
  }

  const restless = () => {
    // Somebody has to be there in the end; those that are leaving may do so first.
    if (!instances.some(({ isWanted }) => isWanted)) instances.find(({ isAlive }) => !isAlive)?.start();
    return restlessness({ stream, server, monitor, instances });
  };
  let settledMs = Number.NaN;
  const limit = calmAt + REST_LIMIT_MS;
  while (!isOver() && Number.isNaN(settledMs)) {
    await time.run(time.now + LOOK_MS, isOver);
    const what = restless();
    if (what === null) settledMs = time.now - calmAt;
    else if (time.now > limit) onViolation(new Violation(`no rest within ${REST_LIMIT_MS} ms: ${what}`));
  }
  // What was late may still come, and a session that heard nothing may still end: that is no move of theirs.
  const deafest = calmAt + settings.leaseDurationMs + 2 * settings.heartbeatIntervalMs;
  await time.run(Math.max(time.now, lateUntil + LOOK_MS, deafest), isOver);
  while (!isOver() && restless() !== null) {
    await time.run(time.now + LOOK_MS, isOver);
    if (time.now > limit) onViolation(new Violation(`no rest again: ${restless()}`));
  }
  const before = moves;
  await time.run(time.now + IDLE_MS, isOver);
  if (!isOver() && moves !== before)
    onViolation(new Violation(`${moves - before} moves while nothing happens`));
  const what = isOver() ? null : restless();
  if (what !== null) onViolation(new Violation(`no rest in idle minutes: ${what}`));
  for (const instance of instances) instance.crash();
  return {
    seed,
    flavour: plot.flavour,
    violation,
    plot,
    trace,
    events: time.events,
    virtualMs: time.now,
    settledMs,
    deliveries,
    takes,
  };
}
