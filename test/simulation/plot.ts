// What a seed makes happen: how many instances and shards, how bad the network is, and which faults come when.

import { integerFrom, oneOf, seededRandom } from '../fakes/random.ts';
import type { Settings } from './instance.ts';
import type { Weather } from './network.ts';
import { type Flavour, FLAVOURS } from './server.ts';

export type Fault =
  | { readonly kind: 'pause' | 'freeze'; readonly instance: number; readonly ms: number }
  | { readonly kind: 'crash' | 'stop'; readonly instance: number; readonly backAfterMs: number | null }
  | { readonly kind: 'outage'; readonly instance: number | null; readonly ms: number }
  /** Reads are not answered; writes are. */
  | { readonly kind: 'deaf'; readonly instance: number; readonly ms: number }
  /** Reads are answered by a replica that stands still. */
  | { readonly kind: 'stale'; readonly instance: number; readonly ms: number }
  | {
      readonly kind: 'fail-over';
      /** Soon after the next take, which it forgets. */
      readonly atTake: boolean;
      readonly forgottenMs: number;
      readonly awayMs: number;
      readonly skewMs: number;
    }
  | { readonly kind: 'split' | 'merge' | 'double-split' | 'retention' };

export interface PlotInstance {
  readonly rate: number;
  readonly maxShards: number | null;
  readonly startsAt: number;
}

export interface Plot {
  readonly flavour: Flavour;
  readonly instances: readonly PlotInstance[];
  readonly shards: number;
  readonly settings: Settings;
  readonly weather: Weather;
  /** Faults end then. */
  readonly calmAt: number;
  readonly faults: readonly { readonly at: number; readonly fault: Fault }[];
  readonly listingAgeMs: number;
  readonly handlingMs: number;
  /** The probability that a handler is stuck with a batch for long. */
  readonly stuck: number;
  /** The probability that a shard gets no records. */
  readonly silent: number;
}

/** Clock rates are at most 5 % apart. */
const RATE_SPREAD = 0.025;

export function plotOf(seed: number, only: Flavour | null): Plot {
  const random = seededRandom(seed);
  const between = (min: number, max: number) => min + random() * (max - min);
  /** Half of all schedules are without it, so that each fault is met alone too. */
  const maybe = (max: number) => (random() < 0.5 ? 0 : random() * max);
  const flavour = only ?? FLAVOURS[seed % FLAVOURS.length]!;
  const count = integerFrom(random, 2, 5);
  const shards = integerFrom(random, 2, 12);
  const isCapped = random() < 0.25;
  const calmAt = between(15_000, 40_000);
  const weather: Weather = {
    delayMs: oneOf(random, [1, 5, 50]),
    slow: maybe(0.05),
    loseRequest: maybe(0.05),
    loseReply: maybe(0.1),
    refuse: maybe(0.05),
    duplicate: maybe(0.2),
    late: maybe(0.05),
    stale: maybe(0.5),
  };
  const instances = Array.from({ length: count }, (_, index) => ({
    rate:
      1 + (random() < 0.5 ? oneOf(random, [-RATE_SPREAD, RATE_SPREAD]) : between(-RATE_SPREAD, RATE_SPREAD)),
    maxShards: isCapped && random() < 0.5 ? integerFrom(random, 1, shards) : null,
    startsAt: index === 0 || random() < 0.7 ? between(0, 1_000) : between(1_000, calmAt),
  }));
  const kinds = (
    [
      'pause',
      'freeze',
      'crash',
      'stop',
      'outage',
      'deaf',
      'stale',
      'split',
      'merge',
      'double-split',
      'retention',
    ] as const
  ).filter(() => random() < 0.5);
  const instance = () => integerFrom(random, 0, count - 1);
  const faultOf = (kind: Fault['kind']): Fault => {
    switch (kind) {
      case 'pause':
      case 'freeze':
        return {
          kind,
          instance: instance(),
          ms: random() < 0.3 ? between(200, 3_000) : between(3_000, 25_000),
        };
      case 'crash':
      case 'stop':
        return { kind, instance: instance(), backAfterMs: random() < 0.2 ? null : between(0, 15_000) };
      case 'outage':
        return {
          kind,
          instance: random() < 0.4 ? null : instance(),
          ms: oneOf(random, [between(500, 5_000), between(5_000, 25_000), between(8_000, 12_000), 60_000]),
        };
      case 'deaf':
      case 'stale':
        return { kind, instance: instance(), ms: between(1_000, 25_000) };
      case 'fail-over':
        return {
          kind,
          atTake: random() < 0.6,
          forgottenMs: oneOf(random, [0, between(0, 500), between(0, 3_000)]),
          awayMs: between(0, 4_000),
          skewMs: between(-2_000, 2_000),
        };
      case 'split':
      case 'merge':
      case 'double-split':
      case 'retention':
        return { kind };
      default:
        throw kind satisfies never;
    }
  };
  const faults = Array.from({ length: kinds.length === 0 ? 0 : integerFrom(random, 1, 10) }, () => ({
    at: between(1_000, calmAt),
    fault: faultOf(oneOf(random, kinds)),
  }));
  if (flavour === 'redis') {
    for (let i = integerFrom(random, 0, 2); i > 0; i -= 1)
      faults.push({ at: between(3_000, calmAt), fault: faultOf('fail-over') });
  }
  return {
    flavour,
    instances,
    shards,
    settings: {
      leaseDurationMs: 10_000,
      marginMs: 1_500,
      heartbeatIntervalMs: 2_500,
      coordinationIntervalMs: 1_000,
      checkpointIntervalMs: flavour === 'dynamodb' ? 5_000 : 1_000,
      drainDeadlineMs: oneOf(random, [2_000, 5_000, 30_000]),
      refreshIntervalMs: oneOf(random, [5_000, 15_000]),
    },
    weather,
    calmAt,
    faults: faults.sort((a, b) => a.at - b.at),
    listingAgeMs: maybe(10_000),
    handlingMs: oneOf(random, [10, 100, 500]),
    stuck: maybe(0.03),
    silent: maybe(0.7),
  };
}
