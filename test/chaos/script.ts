// What is done to a fleet, and when: a script that follows from its seed.

import { integerFrom, oneOf, type Random, seededRandom } from '../fakes/random.ts';
import { LINE_FAULTS, type LineFault } from '../support/fleet-proxy.ts';

export type Deed =
  /** kill -9, and another process of that instance a while later. */
  | { readonly deed: 'kill'; readonly instance: string; readonly backAfterMs: number }
  | { readonly deed: 'pause'; readonly instance: string; readonly forMs: number }
  /** SIGTERM, and another process of that instance a while after its end. */
  | { readonly deed: 'stop'; readonly instance: string; readonly backAfterMs: number }
  /** A second process of the same instance, for a while; one of the two is ended then. */
  | {
      readonly deed: 'twin';
      readonly instance: string;
      readonly forMs: number;
      readonly end: 'kill' | 'stop';
    }
  /** Between an instance, or all of them, and the store. */
  | {
      readonly deed: 'fault';
      readonly instance: string | null;
      readonly fault: LineFault;
      readonly forMs: number;
    }
  /** kill -9 of the store's server, which forgets nothing, and its start a while later. */
  | { readonly deed: 'restart-store'; readonly forMs: number }
  | { readonly deed: 'split' | 'merge'; readonly choice: number };

export type Step = { readonly atMs: number } & Deed;

export interface Script {
  readonly seed: number;
  readonly instances: readonly { readonly id: string; readonly handlerThreads: number }[];
  readonly shards: number;
  readonly durationMs: number;
  readonly steps: readonly Step[];
}

export interface ScriptParts {
  readonly durationMs: number;
  readonly leaseMs: number;
  /** False for a store that has no line which could be cut. */
  readonly hasLine: boolean;
  /** True for a store whose server can be restarted and forgets nothing. */
  readonly canRestart: boolean;
}

/** For each one such as this, so often: more of what ends leases. */
const WEIGHTS: Readonly<Record<Deed['deed'], number>> = {
  kill: 4,
  pause: 4,
  stop: 3,
  twin: 2,
  fault: 4,
  'restart-store': 1,
  split: 3,
  merge: 3,
};
const DEEDS = Object.keys(WEIGHTS) as Deed['deed'][];

export function chaosScript(seed: number, { durationMs, leaseMs, hasLine, canRestart }: ScriptParts): Script {
  const random = seededRandom(seed);
  const count = oneOf(random, [3, 3, 4]);
  const instances = ['a', 'b', 'c', 'd']
    .slice(0, count)
    .map((id) => ({ id, handlerThreads: oneOf(random, [0, 0, 1]) }));
  const ids = instances.map(({ id }) => id);
  const deeds = DEEDS.filter(
    (deed) => (hasLine || deed !== 'fault') && (canRestart || deed !== 'restart-store'),
  ).flatMap((deed) => Array.from({ length: WEIGHTS[deed] }, () => deed));
  const steps: Step[] = [];
  // Each kind that matters most once, in some order, and then as it comes.
  const first = shuffled(random, [...new Set(deeds)]);
  for (let atMs = integerFrom(random, 0, 1_000); atMs < durationMs; atMs += integerFrom(random, 300, 1_900)) {
    steps.push({ atMs, ...deedOf(random, first.pop() ?? oneOf(random, deeds), ids, leaseMs) });
  }
  return { seed, instances, shards: integerFrom(random, 3, 6), durationMs, steps };
}

function deedOf(random: Random, deed: Deed['deed'], ids: readonly string[], leaseMs: number): Deed {
  const instance = oneOf(random, ids);
  const lease = (least: number, most: number) => integerFrom(random, least * leaseMs, most * leaseMs);
  switch (deed) {
    case 'kill':
    case 'stop':
      return { deed, instance, backAfterMs: oneOf(random, [0, 0, lease(0, 2)]) };
    case 'pause':
      // Mostly longer than the lease.
      return { deed, instance, forMs: random() < 0.75 ? lease(1.1, 2.2) : lease(0.2, 1) };
    case 'twin':
      return { deed, instance, forMs: lease(0.5, 3), end: oneOf(random, ['kill', 'stop']) };
    case 'fault':
      return {
        deed,
        instance: random() < 0.3 ? null : instance,
        fault: oneOf(random, LINE_FAULTS),
        forMs: random() < 0.5 ? lease(1.1, 2) : lease(0.1, 0.8),
      };
    case 'restart-store':
      return { deed, forMs: lease(0.05, 1.5) };
    case 'split':
    case 'merge':
      return { deed, choice: random() };
    default:
      return deed satisfies never;
  }
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => left.splice(integerFrom(random, 0, left.length - 1), 1)[0]!);
}

export function showStep({ atMs, ...deed }: Step): string {
  const when = `${(atMs / 1000).toFixed(1)} s`;
  switch (deed.deed) {
    case 'kill':
      return `${when} kill -9 ${deed.instance}, back after ${deed.backAfterMs} ms`;
    case 'stop':
      return `${when} SIGTERM ${deed.instance}, back after ${deed.backAfterMs} ms`;
    case 'pause':
      return `${when} SIGSTOP ${deed.instance} for ${deed.forMs} ms`;
    case 'twin':
      return `${when} a second ${deed.instance} for ${deed.forMs} ms, then ${deed.end} one of them`;
    case 'fault':
      return `${when} ${deed.fault} the line of ${deed.instance ?? 'all'} for ${deed.forMs} ms`;
    case 'restart-store':
      return `${when} kill -9 the store, back after ${deed.forMs} ms`;
    case 'split':
    case 'merge':
      return `${when} ${deed.deed}`;
    default:
      return deed satisfies never;
  }
}
