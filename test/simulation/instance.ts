// One instance of a simulation: its lives one after the other, each with the real leasing on simulated ports.

import { createLeasing, type Leasing } from '../../src/coordinator/leasing.ts';
import type { Lease } from '../../src/coordinator/lease-table.ts';
import { createRowCleanup } from '../../src/coordinator/row-cleanup.ts';
import type { ShardListing } from '../../src/kinesis/api.ts';
import type { SessionId, SessionRow } from '../../src/model/lease-store.ts';
import { FENCE_BYTES, type Fence, fenceOn } from '../../src/platform/fence.ts';
import { delay } from '../../src/platform/timers.ts';
import type { Random } from '../fakes/random.ts';
import { createMachine, type Process } from './machine.ts';
import type { Monitor, Watched } from './monitor.ts';
import { createNetwork, type Weather } from './network.ts';
import { createReader, type Reader, type ReaderMutation } from './reader.ts';
import type { Flavour, Server } from './server.ts';
import type { Stream } from './stream.ts';
import type { TrueTime } from './true-time.ts';

export interface Settings {
  readonly leaseDurationMs: number;
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  readonly coordinationIntervalMs: number;
  readonly checkpointIntervalMs: number;
  readonly drainDeadlineMs: number;
  readonly refreshIntervalMs: number;
}

export interface InstanceParts {
  readonly name: string;
  readonly rate: number;
  readonly maxShards: number | null;
  readonly time: TrueTime;
  readonly random: Random;
  readonly settings: Settings;
  readonly flavour: Flavour;
  readonly server: Server;
  readonly stream: Stream;
  readonly monitor: Monitor;
  readonly weather: () => Weather;
  readonly isOut: () => boolean;
  readonly isDeaf: () => boolean;
  readonly readsUntil: () => number;
  /** How old a listing is when it comes. */
  readonly listingAgeMs: () => number;
  readonly handlingMs: () => number;
  readonly isPidAlive: (pid: number) => boolean;
  readonly nextPid: () => number;
  readonly onLate: (at: number) => void;
  readonly mutations: ReadonlySet<ReaderMutation>;
  readonly tell: (what: () => string) => void;
}

export interface Instance extends Watched {
  readonly maxShards: number | null;
  readonly pid: number;
  start(): void;
  crash(): void;
  stop(): void;
  pause(ms: number): void;
  freeze(ms: number): void;
  wake(): void;
  onRev(): void;
  readonly isWanted: boolean;
  /** It is through with its start. */
  readonly hasJoined: boolean;
  readonly held: ReadonlyMap<string, Lease>;
}

interface Life {
  readonly process: Process;
  readonly memory: SharedArrayBuffer;
  readonly fence: Fence;
  readonly leasing: Leasing;
  readonly reader: Reader;
  readonly store: ReturnType<typeof createNetwork>;
  readonly pid: number;
}

const RESTART_MS = 1_000;
const STOP_DRAIN_MS = 5_000;
const HELD_NOTHING: ReadonlyMap<string, Lease> = new Map();

export function createInstance(parts: InstanceParts): Instance {
  const { name, time, random, settings, stream, monitor } = parts;
  const machine = createMachine({
    time,
    rate: parts.rate,
    monotonicOffset: random() * 1e9,
    wallOffset: 1_700_000_000_000 + (random() - 0.5) * 1e7,
  });
  let life: Life | null = null;
  let lives = 0;
  let frozenUntil = -1;
  let isWanted = false;
  let isStopping = false;
  let hasJoined = false;

  const tell = (what: () => string) => parts.tell(() => `${name}: ${what()}`);

  const begin = (): Life => {
    const process = machine.boot();
    const { clock } = machine;
    const pid = parts.nextPid();
    const memory = new SharedArrayBuffer(FENCE_BYTES);
    const fence = fenceOn(memory, clock);
    const born = (lives += 1);
    let sessions = 0;
    const store = createNetwork({
      ...parts,
      process,
      tell,
      onWrite: (write) => monitor.asked(self, write),
    });
    const listed = async (listing: ShardListing) => {
      await leasing.listed(listing).catch((error: unknown) => tell(() => `listed: ${String(error)}`));
    };
    const list = () => stream.listing(time.now - parts.listingAgeMs());
    const reader = createReader({
      ...parts,
      process,
      fence,
      tell,
      leasing: () => leasing,
      onBegin: (lease) => monitor.began(self, lease),
      onDeliver(lease, from, to) {
        tell(() => `delivers ${lease.shardId} (token ${lease.token}): records ${from + 1} to ${to}`);
        monitor.delivers(self, lease, from, to);
      },
      onHandled(lease, from, to) {
        tell(() => `has handled ${lease.shardId}: records ${from + 1} to ${to}`);
        monitor.handled(lease.shardId, from, to);
      },
      // Its children may not be listed yet.
      onDone: () => process.timers.setTimeout(() => void listed(list()), 100),
    });
    const cleanup = createRowCleanup(settings.refreshIntervalMs);
    const leasing: Leasing = createLeasing({
      config: {
        ...settings,
        application: 'simulated',
        instanceId: name,
        version: '0',
        start: 'TRIM_HORIZON',
        maxShards: parts.maxShards,
      },
      store,
      api: { listShards: async () => list() },
      fence,
      clock,
      timers: process.timers,
      random,
      nonce: () => `${born}.${(sessions += 1)}`,
      host: { name, boot: 'boot', pid },
      isProcessGone: (row: SessionRow) => !parts.isPidAlive(row.pid),
      reading: reader,
      async onRows({ shards }, rows) {
        try {
          for (const each of cleanup.removable(shards, rows, clock.monotonic()))
            await store.deleteShard(each);
        } catch (error) {
          tell(() => `a row could not be removed: ${String(error)}`);
        }
        const known = new Set([...rows, ...shards].map(({ shardId }) => shardId));
        leasing.retain((shardId) => known.has(shardId));
      },
      onSession: (session) => tell(() => `is now ${session}`),
      tick: () => undefined,
      emit: (event) => tell(() => `event ${JSON.stringify(event)}`),
      log: (message, error) =>
        tell(() => `${message}: ${error instanceof Error ? error.message : String(error)}`),
    });

    const run = async () => {
      await delay(process.timers, random() * 50);
      const listing = list();
      const app = await leasing.adopt(listing.serverTimeMs);
      await leasing.join(app.start, listing);
      if (isStopping) return;
      await leasing.run();
      hasJoined = true;
      const refresh = () => {
        if (isStopping) return;
        void listed(list());
        process.timers.setTimeout(refresh, settings.refreshIntervalMs * (0.5 + random()));
      };
      process.timers.setTimeout(refresh, settings.refreshIntervalMs * random());
    };
    run().catch((error: unknown) => {
      tell(() => `could not start: ${String(error)}`);
      process.kill();
      time.after(RESTART_MS, () => {
        if (isWanted && life?.process === process) start();
      });
    });
    return { process, memory, fence, leasing, reader, store, pid };
  };

  const start = () => {
    isWanted = true;
    isStopping = false;
    hasJoined = false;
    machine.wake();
    tell(() => 'starts');
    life = begin();
  };

  const end = ({ process, leasing, reader }: Life) => {
    const leave = async () => {
      isStopping = true;
      leasing.drain();
      await Promise.race([reader.stop(), delay(process.timers, STOP_DRAIN_MS)]);
      reader.abortAll();
      await leasing.rested;
      const positions = await leasing.leave();
      tell(() => `has left: ${JSON.stringify(positions)}`);
      process.kill();
    };
    tell(() => 'stops');
    leave().catch((error: unknown) => {
      tell(() => `left with an error: ${String(error)}`);
      process.kill();
    });
  };

  const isAlive = () => life?.process.isAlive === true;
  /** On a copy of the fence: a look latches it. */
  const isValid = () => {
    if (life === null || !isAlive() || life.fence.generation === 0) return false;
    const copy = fenceOn(life.memory.slice(0), machine.clock);
    return copy.isValid(copy.generation);
  };

  const self: Instance = {
    name,
    maxShards: parts.maxShards,
    get pid() {
      return isAlive() ? life!.pid : -1;
    },
    get isAlive() {
      return isAlive();
    },
    get hasJoined() {
      return hasJoined;
    },
    get isWanted() {
      return isWanted;
    },
    get isValid() {
      return isValid();
    },
    get session(): SessionId {
      return life?.leasing.session ?? '';
    },
    get held() {
      return isAlive() ? life!.leasing.held : HELD_NOTHING;
    },
    mayDeliver(shardId) {
      const lease = life?.leasing.held.get(shardId);
      if (lease === undefined || lease.generation !== life?.fence.generation) return null;
      if (lease.state !== 'running' && lease.state !== 'draining') return null;
      // A machine that is frozen cannot do anything; what it does afterwards is looked at then.
      return time.now >= frozenUntil && isValid() ? lease : null;
    },
    hasInHand: ({ shardId, token }) => life?.reader.hasInHand(shardId, token) === true,
    start,
    crash() {
      tell(() => 'crashes');
      isWanted = false;
      life?.process.kill();
    },
    stop() {
      isWanted = false;
      if (life !== null && isAlive() && !isStopping) end(life);
    },
    pause(ms) {
      tell(() => `stands still for ${Math.round(ms)} ms`);
      machine.pause(ms);
    },
    freeze(ms) {
      tell(() => `is frozen for ${Math.round(ms)} ms`);
      frozenUntil = Math.max(frozenUntil, time.now + ms);
      machine.freeze(ms);
    },
    wake() {
      frozenUntil = -1;
      machine.wake();
    },
    onRev: () => life?.store.onRev(),
  };
  return self;
}
