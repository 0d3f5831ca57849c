// One process's connection to the simulated store: every call takes its time, and any may be lost, late or doubled.

import { type LeaseStore, LeaseStoreError } from '../../src/model/lease-store.ts';
import type { Random } from '../fakes/random.ts';
import type { Process } from './machine.ts';
import type { Write } from './rows.ts';
import type { Flavour, Server } from './server.ts';
import type { TrueTime } from './true-time.ts';

/** How bad it is; probabilities of a call. */
export interface Weather {
  /** Of most calls, one way. */
  readonly delayMs: number;
  readonly slow: number;
  readonly loseRequest: number;
  readonly loseReply: number;
  readonly refuse: number;
  readonly duplicate: number;
  /** Given up by the caller, and applied later. */
  readonly late: number;
  readonly stale: number;
}

export const CALM: Weather = {
  delayMs: 3,
  slow: 0,
  loseRequest: 0,
  loseReply: 0,
  refuse: 0,
  duplicate: 0,
  late: 0,
  stale: 0,
};

export interface NetworkOptions {
  readonly time: TrueTime;
  readonly server: Server;
  readonly flavour: Flavour;
  readonly random: Random;
  readonly process: Process;
  readonly weather: () => Weather;
  /** Nothing goes through. */
  readonly isOut: () => boolean;
  /** No read goes through. */
  readonly isDeaf: () => boolean;
  /** Reads show nothing later; Infinity as a rule. */
  readonly readsUntil: () => number;
  /** A write may be applied as late as then, in true time. */
  readonly onLate: (at: number) => void;
  /** A write is asked for; the session must have the right to. */
  readonly onWrite: (write: Write) => void;
  readonly tell: (what: () => string) => void;
}

/** After which a caller gives up; like the clients of the real stores. */
const TIMEOUT_MS = 5_000;
const SLOW_MS = 4_000;
const VERY_LATE_MS = 20_000;
const STALE_MS = 2_000;
const VERY_STALE_MS = 15_000;
const REV_DELAY_MS = 500;

type Fate = 'normal' | 'lose-request' | 'lose-reply' | 'refuse' | 'duplicate' | 'late';

export function createNetwork(options: NetworkOptions): LeaseStore & { onRev(): void } {
  const { time, server, random, process } = options;
  let watcher: (() => void) | null = null;
  let isNoted = false;
  let isClosed = false;

  const oneWay = () => {
    const { delayMs, slow } = options.weather();
    return random() < slow ? random() * SLOW_MS : delayMs * (0.5 + random());
  };

  const fateOf = (isWrite: boolean): Fate => {
    if (!isWrite && options.isDeaf()) return random() < 0.5 ? 'refuse' : 'lose-request';
    if (options.isOut()) return random() < 0.5 ? 'refuse' : random() < 0.8 ? 'lose-request' : 'late';
    const weather = options.weather();
    let dice = random();
    const isLess = (probability: number) => (dice -= probability) < 0;
    if (isLess(weather.loseRequest)) return 'lose-request';
    if (isLess(weather.loseReply)) return 'lose-reply';
    if (isLess(weather.refuse)) return 'refuse';
    if (isLess(weather.duplicate)) return 'duplicate';
    if (isLess(weather.late)) return 'late';
    return 'normal';
  };

  const applyLate = (ms: number, apply: () => unknown) => {
    options.onLate(time.now + ms);
    time.after(ms, apply);
  };

  /** `apply` may be called never, once or twice. */
  const call = <T>(name: string, isWrite: boolean, apply: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const fail = (outcome: 'unknown' | 'not-applied') =>
        reject(
          new LeaseStoreError(isWrite ? outcome : 'not-applied', `${name}: ${outcome}`, { retryable: true }),
        );
      if (isClosed) {
        fail('not-applied');
        return;
      }
      const fate = fateOf(isWrite);
      const there = oneWay();
      const reply = (value: T) => process.io(oneWay(), () => resolve(value));
      switch (fate) {
        case 'refuse':
          process.io(there, () => fail('not-applied'));
          return;
        case 'lose-request':
          process.io(TIMEOUT_MS, () => fail('unknown'));
          return;
        case 'late':
          process.io(TIMEOUT_MS, () => fail('unknown'));
          if (isWrite) applyLate(TIMEOUT_MS + random() * (random() < 0.5 ? SLOW_MS : VERY_LATE_MS), apply);
          return;
        case 'lose-reply':
          process.io(TIMEOUT_MS, () => fail('unknown'));
          time.after(there, apply);
          return;
        case 'duplicate': {
          const isAnsweredLast = random() < 0.5;
          const again = there + random() * (random() < 0.5 ? SLOW_MS : VERY_LATE_MS);
          time.after(there, () => {
            const value = apply();
            if (!isAnsweredLast || !isWrite) reply(value);
          });
          if (isWrite) {
            applyLate(again, () => {
              const value = apply();
              if (isAnsweredLast) reply(value);
            });
          }
          if (isWrite && isAnsweredLast) process.io(TIMEOUT_MS, () => fail('unknown'));
          return;
        }
        case 'normal':
          time.after(there, () => reply(apply()));
          if (there > SLOW_MS / 2) process.io(TIMEOUT_MS, () => fail('unknown'));
          return;
        default:
          fate satisfies never;
      }
    });

  const write = (by: Write): Promise<never> => {
    options.onWrite(by);
    const apply = () => {
      const result = server.write(by);
      options.tell(
        () =>
          `${by.name} ${JSON.stringify(by.write)} ${result.applied ? 'applied' : 'REFUSED'}: ${JSON.stringify(result.row)}`,
      );
      // The writer's own second write; when it dies in between, nobody makes it.
      if (options.flavour === 'dynamodb') process.io(random() * REV_DELAY_MS, () => server.bumpRev());
      return result;
    };
    return call(by.name, true, apply) as Promise<never>;
  };

  const seenAt = () => {
    const { stale } = options.weather();
    const age = random() < stale ? random() * (random() < 0.9 ? STALE_MS : VERY_STALE_MS) : -Infinity;
    return Math.min(time.now - age, options.readsUntil());
  };

  const note = () => {
    isNoted = false;
    watcher?.();
  };

  return {
    isLocal: options.flavour === 'local',
    open: async () => undefined,
    async close() {
      isClosed = true;
      watcher = null;
    },
    watch(onChange) {
      if (options.flavour === 'local' || options.flavour === 'redis') watcher = onChange;
    },
    onRev() {
      if (watcher === null || isNoted || options.isOut() || random() < options.weather().loseReply) return;
      isNoted = true;
      process.io(oneWay(), note);
    },
    readTick: () => call('readTick', false, () => server.readTick(seenAt())),
    readAll: () =>
      call('readAll', false, () => {
        const at = seenAt();
        // Torn: the shard rows may be older than the rest.
        return server.readAll(at, Math.min(at, seenAt()));
      }),
    readSession: (session) => call('readSession', false, () => server.rows.session(session)),
    readShard: (shardId) => call('readShard', false, () => server.rows.shard(shardId)),
    createApp: (row) => write({ name: 'createApp', write: row }),
    createSession: (row) => write({ name: 'createSession', write: row }),
    beat: (beat) => write({ name: 'beat', write: beat }),
    end: (session) => write({ name: 'end', write: session }),
    evict: (evict) => write({ name: 'evict', write: evict }),
    deleteSession: (session) => write({ name: 'deleteSession', write: session }),
    createShard: (shard) => write({ name: 'createShard', write: shard }),
    replaceShard: () => Promise.reject(new Error('The stream is never created again here')),
    take: (take) => write({ name: 'take', write: take }),
    mark: (mark) => write({ name: 'mark', write: mark }),
    checkpoint: (checkpoint) => write({ name: 'checkpoint', write: checkpoint }),
    release: (release) => write({ name: 'release', write: release }),
    finish: (finish) => write({ name: 'finish', write: finish }),
    deleteShard: (shardId) => write({ name: 'deleteShard', write: shardId }),
  };
}
