// What tests assert and benchmarks print about several instances: each function is one experiment with one fleet.

import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthProblemName } from '../../src/consumer/health.ts';
import type { Audit } from '../chaos/audit.ts';
import type { FleetStoreName } from './fleet-store.ts';
import type { Member } from '../support/fleet.ts';
import { now } from '../support/fleet-log.ts';
import { FleetTrial, STREAM, type TrialParts } from './fleet-trial.ts';

export interface Measured {
  readonly audit: Audit;
  /** For each shard: from the end of its owner to its first record elsewhere, ms. */
  readonly delaysMs: readonly number[];
}

type Settings = Pick<TrialParts, 'consumer'>;

const WRITE_EVERY_MS = 200;
const MOVED_WITHIN_MS = 60_000;

export const namesOf = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i));

/** One of two gets SIGTERM. */
export async function stopOne(
  store: FleetStoreName,
  shards: number,
  { consumer }: Settings = {},
): Promise<Measured> {
  const instances = namesOf(2);
  await using trial = await FleetTrial.open({ store, shards, instances, ...(consumer && { consumer }) });
  const pace = { upToMs: 20, longShare: 0, longMs: 0, seed: 1 };
  const [first] = await trial.startAll(instances, { pace });
  trial.writer.start(WRITE_EVERY_MS);
  await everyoneReads(trial);
  const left = await trial.heldBy(first!);
  const at = await trial.stop(first!);
  const delaysMs = await moved(trial, left, at, first!);
  return { audit: await trial.finish(), delaysMs };
}

export interface KillParts extends Settings {
  readonly store: FleetStoreName;
  readonly shards: number;
  readonly instances: number;
  /** Killed one after the other, each a random part of a heartbeat after the one before. */
  readonly kills: number;
  /** How often all of that, with those that were killed started again. */
  readonly rounds: number;
}

/** Some of several get SIGKILL; one line of delays for each kill. */
export async function killSome(
  { store, shards, instances: count, kills, rounds, consumer }: KillParts,
  say: (text: string) => void = () => undefined,
): Promise<{ readonly audit: Audit; readonly kills: readonly (readonly number[])[] }> {
  const instances = namesOf(count);
  await using trial = await FleetTrial.open({ store, shards, instances, ...(consumer && { consumer }) });
  await trial.startAll(instances);
  trial.writer.start(WRITE_EVERY_MS);
  const delays: number[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    await everyoneReads(trial);
    const victims = trial.fleet.alive().slice(0, kills);
    const killed: { victim: Member; left: string[]; at: number }[] = [];
    for (const victim of victims) {
      await sleep((Math.random() * trial.leaseMs) / 4);
      const left = await trial.heldBy(victim);
      killed.push({ victim, left, at: await trial.kill(victim) });
    }
    for (const { victim, left, at } of killed) delays.push(await moved(trial, left, at, victim));
    say(
      `${store}: after ${delays
        .slice(-kills)
        .map((each) => `${Math.min(...each).toFixed(0)}-${Math.max(...each).toFixed(0)}`)
        .join(', ')} ms`,
    );
    for (const { victim } of killed) trial.start(victim.instanceId);
    await trial.shared(instances);
  }
  return { audit: await trial.finish(), kills: delays };
}

export interface Balanced {
  /** From the start of the processes to the last shard in its place. */
  readonly ms: number;
  readonly moves: number;
  readonly idleMoves: number;
}

/**
 * One instance has all shards; then others join, all at once or one after the other. Then nothing may move for a while.
 */
export async function join(
  parts: {
    readonly store: FleetStoreName;
    readonly shards: number;
    readonly instances: number;
    readonly oneByOne: boolean;
    readonly idleMs: number;
  } & Settings,
): Promise<Balanced> {
  const { store, shards, oneByOne, idleMs, consumer } = parts;
  const [first, ...others] = namesOf(parts.instances);
  const instances = [first!, ...others];
  await using trial = await FleetTrial.open({ store, shards, instances, ...(consumer && { consumer }) });
  await trial.startAll([first!]);
  const from = now();
  if (oneByOne) {
    for (const [i, each] of others.entries()) {
      trial.start(each);
      await trial.shared(instances.slice(0, i + 2));
    }
  } else {
    for (const each of others) trial.start(each);
    await trial.shared(instances);
  }
  const ms = now() - from;
  const moves = count(trial.takes()) - shards;
  const restedAt = now();
  await sleep(idleMs);
  const idleMoves = count(trial.takes(restedAt));
  await trial.finish();
  return { ms, moves, idleMoves };
}

const count = (takes: ReadonlyMap<string, readonly string[]>): number =>
  [...takes.values()].reduce((sum, { length }) => sum + length, 0);

/** Every live process has handled something of each of its shards: all are in the middle of it. */
async function everyoneReads(trial: FleetTrial): Promise<void> {
  const from = now();
  const shards = new Set((await trial.server.simulator.shards(STREAM)).map(({ shardId }) => shardId));
  await trial.until('every shard is read', MOVED_WITHIN_MS, () => {
    const seen = new Set(
      trial
        .calls()
        .filter(({ begin }) => begin > from)
        .map(({ shardId }) => shardId),
    );
    return seen.size === shards.size;
  });
}

async function moved(trial: FleetTrial, left: readonly string[], at: number, by: Member): Promise<number[]> {
  await trial.until(
    `${left.length} shards of ${by.name} are read elsewhere`,
    MOVED_WITHIN_MS,
    () => trial.delays(left, at, by).length === left.length,
  );
  return trial.delays(left, at, by);
}

export interface Outage {
  readonly audit: Audit;
  readonly sessionsLost: number;
  readonly leasesLost: number;
  /** What the health of each instance named while the store was away. */
  readonly problems: readonly (readonly HealthProblemName[])[];
  /** The longest time from the loss of the store to a batch that an instance got before it was back, ms. */
  readonly lastBatchMs: number;
  /** From the return of the store to the first record of the last shard, ms. */
  readonly backMs: number;
  /** Since the store was lost. */
  readonly takes: number;
  /** How many of the shards are with the instance that had them before. */
  readonly kept: number;
}

/** The store does not answer for a while: all lines to it stand still. */
export async function storeAway(
  parts: {
    readonly store: Exclude<FleetStoreName, 'local'>;
    readonly shards: number;
    readonly instances: number;
    readonly awayMs: number;
  } & Settings,
): Promise<Outage> {
  const { store, shards, awayMs, consumer } = parts;
  const instances = namesOf(parts.instances);
  await using trial = await FleetTrial.open({ store, shards, instances, ...(consumer && { consumer }) });
  const members = await trial.startAll(instances);
  trial.writer.start(WRITE_EVERY_MS);
  await everyoneReads(trial);
  const held = await Promise.all(members.map((member) => trial.heldBy(member)));
  const lines = instances.map((instance) => trial.store.lineOf(instance)!);
  const from = now();
  for (const line of lines) line.fail('stall');
  await sleep(awayMs);
  const to = now();
  for (const line of lines) line.heal();
  trial.disturbances.push({ who: null, from, to, what: 'the store is away' });
  await everyoneReads(trial);
  const calls = trial.calls();
  const during = calls.filter(({ begin }) => begin > from && begin < to);
  const first = new Map<string, number>();
  for (const { shardId, begin } of calls)
    if (begin > to && !first.has(shardId)) first.set(shardId, begin - to);
  await trial.shared(instances);
  const heldNow = await Promise.all(members.map((member) => trial.heldBy(member)));
  return {
    sessionsLost: trial.events('session:lost').length,
    leasesLost: trial.events('lease:lost').length,
    problems: members.map((member) => [...trial.problems(member, from, to)].sort()),
    lastBatchMs: Math.max(...during.map(({ begin }) => begin - from)),
    backMs: Math.max(...first.values()),
    takes: count(trial.takes(from)),
    kept: held.reduce((sum, each, i) => sum + each.filter((id) => heldNow[i]!.includes(id)).length, 0),
    audit: await trial.finish(),
  };
}

export interface Restarted {
  readonly audit: Audit;
  /** Takes by another session than the one before, in the whole round. */
  readonly moves: number;
  /** Of one shard, during the restart of one instance. */
  readonly mostMoves: number;
  /** Of one shard, in the whole round. */
  readonly mostInRound: number;
}

/** Each instance is stopped and started again, one after the other. */
export async function rollingRestart(
  parts: { readonly store: FleetStoreName; readonly shards: number; readonly instances: number } & Settings,
): Promise<Restarted> {
  const { store, shards, consumer } = parts;
  const instances = namesOf(parts.instances);
  await using trial = await FleetTrial.open({ store, shards, instances, ...(consumer && { consumer }) });
  const members = await trial.startAll(instances);
  trial.writer.start(WRITE_EVERY_MS);
  await everyoneReads(trial);
  const from = now();
  let mostMoves = 0;
  for (const member of members) {
    const begun = now();
    await trial.stop(member);
    trial.start(member.instanceId);
    await trial.shared(instances);
    mostMoves = Math.max(mostMoves, most(trial.takes(begun)));
  }
  const takes = trial.takes(from);
  await everyoneReads(trial);
  return { audit: await trial.finish(), moves: count(takes), mostMoves, mostInRound: most(takes) };
}

const most = (takes: ReadonlyMap<string, readonly string[]>): number =>
  Math.max(0, ...[...takes.values()].map(({ length }) => length));
