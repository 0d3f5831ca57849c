// Carries out a script on a fleet: each step as it comes, whatever became of the ones before.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Simulator } from '../../src/testing/index.ts';
import type { Fleet, Member } from '../support/fleet.ts';
import { now } from '../support/fleet-log.ts';
import type { ChaosStore } from './stores.ts';
import type { Disturbance } from './history.ts';
import { showStep, type Script, type Step } from './script.ts';

export interface ActorsParts {
  readonly fleet: Fleet;
  readonly store: ChaosStore;
  readonly simulator: Simulator;
  readonly stream: string;
  readonly script: Script;
  /** How long an orderly stop may take. */
  readonly stopWithinMs: number;
}

export type ActorsCount = 'kills' | 'pauses' | 'stops' | 'faults' | 'storeRestarts' | 'reshards';

export interface Actors {
  readonly disturbances: readonly Disturbance[];
  /** What was done and when, for people. */
  readonly diary: readonly { readonly at: number; readonly text: string }[];
  readonly counts: Readonly<Record<ActorsCount, number>>;
  start(instance: string): Member;
  /** A process that found no store while its line was broken is started again, as a supervisor would. */
  supervise(): void;
  /** Those processes. */
  readonly refused: ReadonlySet<Member>;
  /** Resolves when every step is over; rejects with the first that failed. */
  play(): Promise<void>;
}

const MOST_SHARDS = 8;
/** For a process to find out, and for this one to see that. */
const REFUSED_MS = 1_000;

export function createActors({ fleet, store, simulator, stream, script, stopWithinMs }: ActorsParts): Actors {
  const disturbances: Disturbance[] = [];
  const diary: { at: number; text: string }[] = [];
  const counts = { kills: 0, pauses: 0, stops: 0, faults: 0, storeRestarts: 0, reshards: 0 };
  let reshards: Promise<unknown> = Promise.resolve();
  let restarts: Promise<void> = Promise.resolve();
  let isStoreDown = false;

  const note = (text: string) => diary.push({ at: now(), text });

  const start = (instance: string): Member => {
    const { handlerThreads } = script.instances.find(({ id }) => id === instance)!;
    const pace = { upToMs: 30, longShare: 0.02, longMs: 3_000, seed: script.seed + fleet.members.length };
    const member = fleet.start(instance, {
      store: store.specOf(instance),
      consumer: { handlerThreads },
      pace,
    });
    note(`${member.name} starts as ${member.pid}`);
    return member;
  };

  /** The oldest of those that are there and go on. */
  const running = (instance: string): Member | null =>
    fleet.alive(instance).find(({ state, dismissed }) => state === 'running' && dismissed === null) ?? null;

  const kill = async (member: Member) => {
    counts.kills += 1;
    disturbances.push({ who: member.name, from: now(), to: Infinity, what: 'kill -9' });
    note(`kill -9 ${member.name}`);
    await member.kill();
  };
  const stop = async (member: Member) => {
    counts.stops += 1;
    note(`SIGTERM ${member.name}`);
    await member.stop(stopWithinMs);
    note(`${member.name} has ended`);
  };
  const pause = async (member: Member, forMs: number) => {
    counts.pauses += 1;
    const from = now();
    member.pause();
    note(`SIGSTOP ${member.name}`);
    await sleep(forMs);
    member.resume();
    note(`SIGCONT ${member.name}`);
    disturbances.push({ who: member.name, from, to: now(), what: 'SIGSTOP' });
  };

  const fault = async ({ instance, fault: kind, forMs }: Step & { deed: 'fault' }) => {
    const instances = instance === null ? script.instances.map(({ id }) => id) : [instance];
    const lines = instances.map((id) => store.lineOf(id)).filter((line) => line !== null);
    // What another step broke heals as that step says.
    if (lines.some((line) => line.fault !== null)) return;
    counts.faults += 1;
    const from = now();
    for (const line of lines) line.fail(kind);
    note(`${kind} the line of ${instance ?? 'all'}`);
    await sleep(forMs);
    for (const line of lines) line.heal();
    note(`the line of ${instance ?? 'all'} is well`);
    disturbances.push({ who: instance, from, to: now(), what: kind });
  };

  const restartStore = async (forMs: number) => {
    if (store.restart === null) return;
    counts.storeRestarts += 1;
    const from = now();
    note('kill -9 the store');
    isStoreDown = true;
    await store.restart(forMs);
    isStoreDown = false;
    note('the store is back');
    // Nothing is taken and nobody evicted for a lease from then on.
    disturbances.push({ who: null, from, to: now(), what: 'the store is restarted' });
  };

  const reshard = async (deed: 'split' | 'merge', choice: number) => {
    const open = (await simulator.shards(stream))
      .filter(({ endingSequenceNumber }) => endingSequenceNumber === null)
      .sort((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1));
    const isSplit = (deed === 'split' && open.length < MOST_SHARDS) || open.length < 2;
    const i = Math.floor(choice * (isSplit ? open.length : open.length - 1));
    counts.reshards += 1;
    if (isSplit) {
      const children = await simulator.split(stream, open[i]!.shardId);
      note(`split ${open[i]!.shardId} to ${children.join(' and ')}`);
    } else {
      const child = await simulator.merge(stream, open[i]!.shardId, open[i + 1]!.shardId);
      note(`merged ${open[i]!.shardId} and ${open[i + 1]!.shardId} to ${child}`);
    }
  };

  const carryOut = async (step: Step): Promise<void> => {
    switch (step.deed) {
      case 'kill':
      case 'stop': {
        const member = running(step.instance);
        if (member === null) return;
        await (step.deed === 'kill' ? kill(member) : stop(member));
        await sleep(step.backAfterMs);
        if (fleet.alive(step.instance).length === 0) start(step.instance);
        return;
      }
      case 'pause': {
        const member = running(step.instance);
        if (member !== null) await pause(member, step.forMs);
        return;
      }
      case 'twin': {
        if (fleet.alive(step.instance).length > 1) return;
        start(step.instance);
        await sleep(step.forMs);
        const member = running(step.instance);
        if (member === null || fleet.alive(step.instance).length === 1) return;
        await (step.end === 'kill' ? kill(member) : stop(member));
        return;
      }
      case 'fault':
        return fault(step);
      case 'restart-store':
        restarts = restarts.then(() => restartStore(step.forMs));
        return restarts;
      case 'split':
      case 'merge': {
        const { deed, choice } = step;
        reshards = reshards.then(() => reshard(deed, choice));
        await reshards;
        return;
      }
      default:
        return step satisfies never;
    }
  };

  const refused = new Set<Member>();
  const supervise = () => {
    for (const member of fleet.members) {
      if (refused.has(member) || !member.isRefused) continue;
      const line = disturbances.some(
        ({ who, from, to }) =>
          (who === null || who === member.instanceId) && from <= now() && to + REFUSED_MS >= member.startedAt,
      );
      if (!line && !isStoreDown && (store.lineOf(member.instanceId)?.fault ?? null) === null) continue;
      refused.add(member);
      note(`${member.name} could not reach its store`);
      // Of one that was told to go whoever told it starts the next one.
      if (member.dismissed === null && fleet.alive(member.instanceId).length === 0) start(member.instanceId);
    }
  };

  return {
    disturbances,
    diary,
    counts,
    start,
    supervise,
    refused,
    async play() {
      const begun = now();
      const under: Promise<void>[] = [];
      for (const step of script.steps) {
        await sleep(Math.max(0, begun + step.atMs - now()));
        const done = carryOut(step).catch((cause: unknown) => {
          throw new Error(`The step "${showStep(step)}" failed: ${String(cause)}`, { cause });
        });
        // Looked at below, when all are over.
        done.catch(() => undefined);
        under.push(done);
      }
      await Promise.all(under);
      await sleep(Math.max(0, begun + script.durationMs - now()));
    },
  };
}
