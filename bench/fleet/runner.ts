// Runs one experiment with several instances, and makes its figures.

import { setTimeout as sleep } from 'node:timers/promises';
import {
  join,
  killSome,
  namesOf,
  rollingRestart,
  stopOne,
  storeAway,
} from '../../test/integration/fleet-measures.ts';
import { FleetTrial } from '../../test/integration/fleet-trial.ts';
import type { Audit } from '../../test/chaos/audit.ts';
import type { Figures } from '../trials/runner.ts';
import { type CountedStore, startCountedStore } from './counted-store.ts';
import type { Experiment, FleetSide, FleetVariant } from './scenario.ts';

const PER_MINUTE = 60_000;

/** With the defaults of a consumer, but for one fetch thread each. */
export async function runFleet({ name: store }: FleetVariant, { experiment }: FleetSide): Promise<Figures> {
  switch (experiment.kind) {
    case 'kill': {
      const { audit, kills } = await killSome({ store, ...experiment }, (text) => console.error(text));
      return { ...spread(kills.flat()), kills: kills.length, ...replays(audit) };
    }
    case 'stop': {
      const delays: number[] = [];
      let again = 0;
      for (let round = 0; round < experiment.rounds; round += 1) {
        const { audit, delaysMs } = await stopOne(store, experiment.shards);
        delays.push(...delaysMs);
        again += replays(audit).again;
      }
      return { ...spread(delays), kills: experiment.rounds, again };
    }
    case 'join': {
      const { ms, moves, idleMoves } = await join({ store, ...experiment });
      return { ms, moves, leastMoves: leastMoves(experiment), idleMoves };
    }
    case 'restart': {
      const { audit, ...moves } = await rollingRestart({ store, ...experiment });
      return { ...moves, ...replays(audit) };
    }
    case 'away': {
      if (store === 'local') throw new Error('There is no line to a local store');
      const { audit, sessionsLost, leasesLost, lastBatchMs, backMs, kept } = await storeAway({
        store,
        ...experiment,
      });
      return { sessionsLost, leasesLost, lastBatchMs, backMs, kept, ...replays(audit) };
    }
    case 'cost':
      return cost(store, experiment);
    default:
      throw experiment satisfies never;
  }
}

async function cost(
  store: FleetVariant['name'],
  { instances: count, shards, forMs }: Experiment & { kind: 'cost' },
): Promise<Figures> {
  const instances = namesOf(count);
  let counted!: CountedStore;
  await using trial = await FleetTrial.open({
    store,
    shards,
    instances,
    // The stream is not what is measured.
    consumer: { idlePollMs: 60_000 },
    startStore: async () => (counted = await startCountedStore(store)),
  });
  for (const instance of instances) trial.start(instance);
  await trial.shared(instances, 180_000);
  // What the last moves cause is over.
  await sleep(12_000);
  const before = await counted.counts();
  await sleep(forMs);
  const after = await counted.counts();
  const aMinute = (what: keyof typeof after) => ((after[what] - before[what]) * PER_MINUTE) / forMs;
  return { writes: aMinute('writes'), reads: aMinute('reads'), readUnits: aMinute('readUnits') };
}

function leastMoves({ shards, instances, oneByOne }: Experiment & { kind: 'join' }): number {
  if (!oneByOne) return shards - Math.ceil(shards / instances);
  let moves = 0;
  for (let there = 2; there <= instances; there += 1) moves += Math.floor(shards / there);
  return moves;
}

/** Throws where the audit found what must not be. */
function replays({ findings, figures }: Audit): { again: number } {
  if (findings.length > 0) throw new Error(findings.map(({ kind, text }) => `${kind}: ${text}`).join('\n'));
  return { again: figures.repeatedDone + figures.repeatedUnfinished };
}

function spread(values: readonly number[]): { min: number; median: number; p90: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { min: sorted[0]!, median: at(0.5), p90: at(0.9), max: sorted.at(-1)! };
}
