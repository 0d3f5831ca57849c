// Several instances in processes of their own on one store, with a steady writer, and everything that is to be known of them afterwards.

import { setTimeout as sleep } from 'node:timers/promises';
import type { LeaseStore } from '../../src/model/lease-store.ts';
import type { HealthProblemName } from '../../src/consumer/health.ts';
import type { SimulatorOptions } from '../../src/testing/index.ts';
import { type Audit, audit } from '../chaos/audit.ts';
import { leftovers, unrest } from '../chaos/calm.ts';
import { callsOf, type Disturbance, lineageOf, lossesOf, writesOf } from '../chaos/history.ts';
import { type FleetStore, type FleetStoreName, startFleetStore } from './fleet-store.ts';
import { Fleet, type FleetParts, type Member, type MemberChanges } from '../support/fleet.ts';
import { type FleetLine, now } from '../support/fleet-log.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { FleetWriter } from './fleet-writer.ts';

export interface TrialParts {
  readonly store: FleetStoreName;
  readonly shards: number;
  /** All that will ever be started. */
  readonly instances: readonly string[];
  /** Beside those that a fleet has anyway: one fetch thread, looks at idle shards each 200 ms. */
  readonly consumer?: Partial<FleetParts['consumer']>;
  readonly simulator?: SimulatorOptions;
  /** Default: one of its own. */
  readonly startStore?: () => Promise<FleetStore>;
}

type EventName = Extract<FleetLine, { type: 'event' }>['name'];

export const STREAM = 'orders';
export const APPLICATION = 'billing';
export const DEFAULT_LEASE_MS = 10_000;
const DEFAULT_CHECKPOINT_MS = { local: 1_000, redis: 1_000, dynamodb: 5_000 } as const;
const LOOK_EVERY_MS = 100;
const STOP_WITHIN_MS = 45_000;
/** Far less than a lease: a process that has the lock goes on before anybody loses one. */
const LOCK_WITHIN_MS = 300;

export class FleetTrial implements AsyncDisposable {
  readonly server: SimulatedServer;
  readonly store: FleetStore;
  readonly fleet: Fleet;
  readonly writer: FleetWriter;
  readonly rows: LeaseStore;
  readonly disturbances: Disturbance[] = [];
  readonly leaseMs: number;
  readonly checkpointMs: number;

  private constructor(parts: TrialParts, server: SimulatedServer, store: FleetStore, rows: LeaseStore) {
    this.server = server;
    this.store = store;
    this.rows = rows;
    this.leaseMs = parts.consumer?.leaseDurationMs ?? DEFAULT_LEASE_MS;
    this.checkpointMs = parts.consumer?.checkpointIntervalMs ?? DEFAULT_CHECKPOINT_MS[parts.store];
    this.writer = new FleetWriter(server.simulator, STREAM);
    this.fleet = new Fleet({
      consumer: {
        stream: STREAM,
        application: APPLICATION,
        endpoint: server.endpoint,
        region: server.region,
        credentials: server.credentials,
        threads: 1,
        idlePollMs: 200,
        checkpointIntervalMs: this.checkpointMs,
        ...parts.consumer,
      },
      store: store.specOf(parts.instances[0]!),
    });
  }

  static async open(parts: TrialParts): Promise<FleetTrial> {
    const server = await simulatedServer(parts.simulator);
    let store: FleetStore | null = null;
    try {
      await server.createStream(STREAM, parts.shards);
      store = await (parts.startStore?.() ?? startFleetStore(parts.store, parts.instances));
      const rows = await store.look({ application: APPLICATION, stream: STREAM });
      return new FleetTrial(parts, server, store, rows);
    } catch (error) {
      await store?.[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  start(instance: string, changes: MemberChanges = {}): Member {
    return this.fleet.start(instance, { store: this.store.specOf(instance), ...changes });
  }

  /** Starts them and waits until they share all shards. */
  async startAll(instances: readonly string[], changes: MemberChanges = {}): Promise<Member[]> {
    const members = instances.map((instance) => this.start(instance, changes));
    await this.shared(instances);
    return members;
  }

  /** Until the live sessions are those of these instances, and share all shards as evenly as can be. */
  async shared(instances: readonly string[], withinMs = 45_000): Promise<void> {
    const shards = await this.server.simulator.shards(STREAM);
    let problems: string[] = [];
    await this.#waitFor(
      () => `${instances.join(', ')} share all shards (${problems.slice(0, 3).join('; ')})`,
      withinMs,
      async () => {
        const { sessions, shards: rows } = await this.rows.readAll();
        const there = sessions.filter(({ state }) => state === 'live' || state === 'draining');
        problems = unrest({ sessions: there, shards: rows }, shards, instances);
        return problems.length === 0;
      },
    );
    // They begin to read a moment after that.
    await this.#waitFor(
      () => 'each shard is read by its owner',
      withinMs,
      async () => {
        const { shards: rows } = await this.rows.readAll();
        const started = new Set(
          this.events('shard:start').map(
            ({ detail }) => `${detail['shardId'] as string} ${detail['token'] as number}`,
          ),
        );
        return rows.every(({ shardId, token }) => started.has(`${shardId} ${token}`));
      },
    );
  }

  /** Until every record that was written was handled to the end by somebody. */
  async allHandled(withinMs = 45_000): Promise<void> {
    let missing = 0;
    await this.#waitFor(
      () => `everything is handled; ${missing} of ${this.writer.written.length} are missing`,
      withinMs,
      () => {
        const done = new Set<string>();
        for (const { end, rows } of this.calls()) {
          if (end !== null) for (const [, , key, n] of rows) done.add(`${key}/${n}`);
        }
        missing = this.writer.written.filter(({ key, n }) => !done.has(`${key}/${n}`)).length;
        return missing === 0;
      },
    );
  }

  /** Until the condition holds; what it looks at grows as processes write. */
  until(what: string, withinMs: number, condition: () => boolean): Promise<void> {
    return this.#waitFor(() => what, withinMs, condition);
  }

  async #waitFor(
    what: () => string,
    withinMs: number,
    condition: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const deadline = now() + withinMs;
    while (!(await condition())) {
      const gone = this.fleet.members.find(({ state, dismissed }) => state === 'gone' && dismissed === null);
      if (gone !== undefined) throw new Error(`${gone.name} ended by itself: ${gone.stderr}`);
      if (now() > deadline) throw new Error(`Waited ${withinMs} ms in vain until ${what()}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** The shards that it holds by the rows. */
  async heldBy({ lines }: Member): Promise<string[]> {
    const mine = new Set(
      lines.flatMap((line) =>
        line.type === 'store' && line.method === 'createSession'
          ? [(line.argument as { session: string }).session]
          : [],
      ),
    );
    const { shards } = await this.rows.readAll();
    return shards.filter(({ owner }) => owner !== null && mine.has(owner)).map(({ shardId }) => shardId);
  }

  calls(members: readonly Member[] = this.fleet.members) {
    return members.flatMap(({ name, lines }) => callsOf(name, lines)).sort((a, b) => a.begin - b.begin);
  }

  events(name: EventName, members: readonly Member[] = this.fleet.members) {
    return members.flatMap(({ lines }) =>
      lines.filter(
        (line): line is Extract<FleetLine, { type: 'event' }> => line.type === 'event' && line.name === name,
      ),
    );
  }

  /** What its health named between the two moments. */
  problems({ lines }: Member, from: number, to = Infinity): Set<HealthProblemName> {
    const looks = lines.filter((line) => line.type === 'health' && line.at > from && line.at < to);
    return new Set(looks.flatMap((line) => (line.type === 'health' ? line.problems : [])));
  }

  /** Ms from that moment to the first record of each shard in another process than that. */
  delays(shardIds: readonly string[], from: number, notBy: Member): number[] {
    const calls = this.calls(this.fleet.members.filter((member) => member !== notBy));
    return shardIds.flatMap((shardId) => {
      const first = calls.find((call) => call.shardId === shardId && call.begin > from);
      return first === undefined ? [] : [first.begin - from];
    });
  }

  /** For each shard: who took it, one after the other. */
  takes(from = -Infinity): Map<string, string[]> {
    const writes = this.fleet.members
      .flatMap(({ name, lines }) => writesOf(name, lines))
      .filter(({ method, applied, at }) => method === 'take' && applied === true && at > from)
      .sort((a, b) => a.at - b.at);
    const takes = new Map<string, string[]>();
    for (const { argument } of writes) {
      const { shardId, me } = argument as { shardId: string; me: string };
      const list = takes.get(shardId) ?? [];
      list.push(me);
      takes.set(shardId, list);
    }
    return takes;
  }

  /** Not while it has the lock of the one writer that a local store has: all others would wait for it. */
  async pause(member: Member): Promise<number> {
    for (;;) {
      const at = now();
      member.pause();
      const isFree = await Promise.race([
        this.rows.end('nobody#0').then(
          () => true,
          () => false,
        ),
        sleep(LOCK_WITHIN_MS, false),
      ]);
      if (isFree) return at;
      member.resume();
    }
  }

  async kill(member: Member): Promise<number> {
    const at = now();
    this.disturbances.push({ who: member.name, from: at, to: Infinity, what: 'kill -9' });
    await member.kill();
    return at;
  }

  async stop(member: Member): Promise<number> {
    const at = now();
    const { code, signal } = await member.stop(STOP_WITHIN_MS);
    if (code !== 0) throw new Error(`${member.name} ended with ${code ?? signal}: ${member.stderr}`);
    return at;
  }

  /** Ends the writer and, once all is handled, the instances; then looks at everything that happened. */
  async finish(): Promise<Audit> {
    await this.writer.stop();
    await this.allHandled();
    for (const member of this.fleet.alive()) await this.stop(member);
    const left = leftovers(await this.rows.readAll());
    if (left.length > 0) throw new Error(`After the stop of all: ${left.join('; ')}`);
    const { members } = this.fleet;
    return audit({
      leaseMs: this.leaseMs,
      marginMs: this.leaseMs * 0.15,
      checkpointMs: this.checkpointMs,
      lineage: lineageOf(await this.server.simulator.shards(STREAM)),
      written: this.writer.written,
      calls: this.calls(),
      writes: members.flatMap(({ name, lines }) => writesOf(name, lines)).sort((a, b) => a.at - b.at),
      disturbances: [
        ...this.disturbances,
        ...members.flatMap(({ name, lines }) => lossesOf(name, lines, this.leaseMs)),
      ],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer.stop().catch(() => undefined);
    await this.fleet[Symbol.asyncDispose]();
    await this.rows.close();
    await this.store[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
