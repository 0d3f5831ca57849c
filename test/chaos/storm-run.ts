// One run: a fleet, a script, then quiet until everything has converged, an orderly end, and the audit.

import { cpSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { settledWithin, systemTimers } from '../../src/platform/timers.ts';
import { type Simulator, startSimulator } from '../../src/testing/index.ts';
import { Fleet, type Member } from '../support/fleet.ts';
import { now } from '../support/fleet-log.ts';
import { injectStorm } from '../support/storm-faults.ts';
import { until } from '../support/until.ts';
import { type Actors, createActors } from './actors.ts';
import { audit } from './audit.ts';
import { leftovers, unrest } from './calm.ts';
import { callsOf, type History, lineageOf, lossesOf, writesOf } from './history.ts';
import { NumberedWriter } from './numbered-writer.ts';
import { oddities } from './oddities.ts';
import { Progress } from './progress.ts';
import type { ChaosReport } from './report.ts';
import { chaosScript } from './script.ts';
import { type ChaosStore, type ChaosStoreName, STORE_TRAITS, startChaosStore } from './stores.ts';

export interface ChaosOptions {
  readonly store: ChaosStoreName;
  readonly seed: number;
  /** Of the script; the quiet comes on top. */
  readonly durationMs: number;
  /** User records a second. Default: 300. */
  readonly rate?: number;
  /** Where the logs of a run that failed are kept. Default: nowhere. */
  readonly keepIn?: string | null;
  readonly say?: (text: string) => void;
}

const STREAM = 'orders';
const APPLICATION = 'chaos';
/** Share of the calls to Kinesis that fail. */
const KINESIS_FAULTS = 0.02;
const LEASE_MS = 2_000;
const MARGIN_MS = 300;
const CHECKPOINT_MS = 500;
/** Shorter than the longest calls of the handlers. */
const DRAIN_MS = 2_500;
/** More than a drain, the last writes against a store that does not answer, and the end of the process. */
const STOP_WITHIN_MS = 30_000;
const CALM_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;
const SAY_EVERY_MS = 10_000;

/** What the parts of a run share. */
interface Stage {
  readonly instances: readonly string[];
  readonly store: ChaosStore;
  readonly simulator: Simulator;
  readonly fleet: Fleet;
  readonly writer: NumberedWriter;
  readonly progress: Progress;
  readonly actors: Actors;
  readonly problems: string[];
  readonly say: (text: string) => void;
}

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, durationMs, rate = 300, keepIn = null, say = () => undefined } = options;
  const script = chaosScript(seed, { durationMs, leaseMs: LEASE_MS, ...STORE_TRAITS[options.store] });
  const instances = script.instances.map(({ id }) => id);
  await using store = await startChaosStore(options.store, instances);
  await using simulator = await startSimulator({ reshardMs: 50 });
  await simulator.createStream(STREAM, { shards: script.shards });
  await injectStorm(simulator, STREAM, KINESIS_FAULTS);
  await using fleet = new Fleet({
    consumer: {
      stream: STREAM,
      application: APPLICATION,
      endpoint: simulator.endpoint,
      region: simulator.region,
      credentials: simulator.credentials,
      threads: 1,
      leaseDurationMs: LEASE_MS,
      checkpointIntervalMs: CHECKPOINT_MS,
      drainDeadlineMs: DRAIN_MS,
      shardRefreshIntervalMs: 1_000,
      batch: { maxRecords: 20 },
      recordLimit: 100,
    },
    store: store.specOf(instances[0]!),
  });
  const startedAt = now();
  const writer = new NumberedWriter();
  const progress = new Progress(fleet, writer.written);
  const actors = createActors({
    fleet,
    store,
    simulator,
    stream: STREAM,
    script,
    stopWithinMs: STOP_WITHIN_MS,
  });
  const problems: string[] = [];
  const stage: Stage = { instances, store, simulator, fleet, writer, progress, actors, problems, say };

  for (const instance of instances) actors.start(instance);
  await until('all instances read', CALM_WITHIN_MS, () => fleet.members.every((member) => member.isReady));
  writer.start(simulator, STREAM, rate, seed);
  await storm(stage);
  await writer.stop();
  const calmMs = await quiet(stage);
  const history = await historyOf(stage);
  problems.push(...fleet.members.filter((member) => !actors.refused.has(member)).flatMap(oddities));
  const { findings, figures } = audit(history);
  if (keepIn !== null && problems.length + findings.length > 0)
    cpSync(fleet.folder, keepIn, { recursive: true });
  return {
    store: options.store,
    script,
    problems,
    findings,
    figures,
    counts: actors.counts,
    processes: fleet.members.length,
    refused: actors.refused.size,
    sessionsLost: fleet.members
      .flatMap(({ lines }) => lines)
      .filter((line) => line.type === 'event' && line.name === 'session:lost').length,
    calmMs,
    tookMs: now() - startedAt,
    startedAt,
    diary: [...actors.diary, ...fleet.members.flatMap(diaryOf)],
  };
}

async function storm({ actors, progress, problems, say }: Stage): Promise<void> {
  const startedAt = now();
  const played = actors.play().catch((error: unknown) => problems.push(String(error)));
  for (let next = SAY_EVERY_MS; !(await settledWithin(systemTimers, played, LOOK_EVERY_MS)); ) {
    progress.read();
    actors.supervise();
    if (now() - startedAt < next) continue;
    say(`${next / 1000} s: ${progress.text}`);
    next += SAY_EVERY_MS;
  }
}

/** One process of each instance, and no fault: resolves with how long it took until all was as it should be, after the end of all. */
async function quiet(stage: Stage): Promise<number> {
  const { instances, store, fleet, actors, problems, say } = stage;
  const startedAt = now();
  actors.supervise();
  for (const instance of instances) {
    for (const extra of fleet.alive(instance).slice(1)) await end(extra, problems);
    if (fleet.alive(instance).length === 0) actors.start(instance);
  }
  const rows = await store.look({ application: APPLICATION, stream: STREAM });
  try {
    const unrestNow = async () => unrestOf(stage, await rows.readAll());
    let found = await unrestNow();
    let last = 'nothing';
    while (found.length > 0 && now() - startedAt < CALM_WITHIN_MS) {
      last = found.join('; ');
      await sleep(LOOK_EVERY_MS);
      found = await unrestNow();
    }
    const calmMs = now() - startedAt;
    const when = `${(calmMs / 1000).toFixed(1)} s after the last disturbance`;
    problems.push(...found.map((each) => `${when} ${each}`));
    say(`${when} ${found.length === 0 ? 'it is calm' : 'it is not calm'}; what it waited for last: ${last}`);
    await Promise.all(fleet.alive().map((member) => end(member, problems)));
    problems.push(...leftovers(await rows.readAll()).map((each) => `after the stop of all ${each}`));
    return calmMs;
  } finally {
    await rows.close();
  }
}

async function unrestOf(
  { simulator, instances, progress, fleet }: Stage,
  read: Parameters<typeof unrest>[0],
): Promise<string[]> {
  progress.read();
  const found = unrest(read, await simulator.shards(STREAM), instances);
  if (!progress.isComplete) found.push(`not all records were handled: ${progress.text}`);
  for (const { name, lines } of fleet.alive()) {
    const health = lines.findLast((line) => line.type === 'health');
    if (health?.healthy === true) continue;
    found.push(`${name} is not well: ${health?.problems.join(', ') ?? 'it says nothing'}`);
  }
  return found;
}

async function historyOf({ fleet, simulator, writer, actors }: Stage): Promise<History> {
  const of = <T>(look: (name: string, lines: Member['lines']) => T[]): T[] =>
    fleet.members.flatMap(({ name, lines }) => look(name, lines));
  return {
    leaseMs: LEASE_MS,
    marginMs: MARGIN_MS,
    checkpointMs: CHECKPOINT_MS,
    lineage: lineageOf(await simulator.shards(STREAM)),
    written: writer.written,
    calls: of(callsOf).sort((a, b) => a.begin - b.begin),
    writes: of(writesOf).sort((a, b) => a.at - b.at),
    disturbances: [...actors.disturbances, ...of((name, lines) => lossesOf(name, lines, LEASE_MS))],
  };
}

/** What it said itself about its session and its leases. */
function diaryOf({ name, lines }: Member): ChaosReport['diary'] {
  return lines.flatMap((line) => {
    if (line.type !== 'event' || !['session:lost', 'session:evicted', 'lease:lost'].includes(line.name))
      return [];
    return [{ at: line.at, text: `${name} says ${line.name} ${JSON.stringify(line.detail)}` }];
  });
}

async function end(member: Member, problems: string[]): Promise<void> {
  try {
    await member.stop(STOP_WITHIN_MS);
  } catch (error) {
    problems.push(String(error));
  }
}
