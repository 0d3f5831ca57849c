// The store of a simulation: rows, and what the flavours of stores do with `rev`, with their past and after a fail-over.

import type { FullRead, TickRead } from '../../src/model/lease-store.ts';
import { createRows, type RowsHooks, type StoreMutation } from './rows.ts';
import type { TrueTime } from './true-time.ts';

/** What there is to tell stores apart by. */
export const FLAVOURS = ['memory', 'local', 'redis', 'dynamodb'] as const;
export type Flavour = (typeof FLAVOURS)[number];

export interface ServerOptions {
  readonly time: TrueTime;
  readonly flavour: Flavour;
  readonly leaseDurationMs: number;
  readonly mutations: ReadonlySet<StoreMutation>;
  readonly onShard: RowsHooks['onShard'];
  /** `rev` grew. */
  readonly onRev: () => void;
}

export type Server = ReturnType<typeof createServer>;

export function createServer(options: ServerOptions) {
  const { time, flavour, leaseDurationMs } = options;
  let quietUntil = -Infinity;
  /** A take that was planned before the end of a quiet period has no token above it. */
  let lowestToken = 0;
  /** A server that is new begins its quiet period with the first call that it gets. */
  let isNew = false;
  let skewMs = 0;
  let isRevDue = false;

  const serverTime = () => 1_700_000_000_000 + Math.floor(time.now + skewMs);
  const isQuiet = () => time.now < quietUntil;

  const rows = createRows(
    () => time.now,
    {
      isQuiet,
      lowestToken: () => lowestToken,
      onShard: options.onShard,
      onRev() {
        isRevDue = true;
        if (flavour !== 'dynamodb') bumpRev();
      },
    },
    options.mutations,
  );

  const bumpRev = () => {
    if (!isRevDue) return;
    isRevDue = false;
    rows.bumpRev();
    options.onRev();
  };

  const touched = () => {
    if (!isNew) return;
    isNew = false;
    if (options.mutations.has('no-quiet')) return;
    quietUntil = time.now + 1.5 * leaseDurationMs;
    lowestToken = flavour === 'redis' ? serverTime() + 1.5 * leaseDurationMs : 0;
    isRevDue = true;
    bumpRev();
  };

  const about = (): Pick<TickRead, 'quiet' | 'tokenFloor'> => ({
    quiet: isQuiet(),
    tokenFloor: flavour === 'redis' ? serverTime() : 0,
  });

  return {
    rows,
    write(by: Parameters<typeof rows.write>[0]) {
      touched();
      return rows.write(by);
    },
    /** Sessions and app row as they were at one time, shard rows as they were at another. */
    readTick(at: number): TickRead {
      touched();
      return { app: rows.app(at), sessions: rows.sessions(at), ...about() };
    },
    readAll(at: number, shardsAt: number): FullRead {
      touched();
      return { app: rows.app(at), sessions: rows.sessions(at), shards: rows.shards(shardsAt), ...about() };
    },
    /** Where it is a write of its own, which the writer makes somewhat later. */
    bumpRev,
    failOver(forgottenMs: number, newSkewMs: number) {
      rows.forgetSince(time.now - forgottenMs);
      isNew = true;
      isRevDue = false;
      skewMs = newSkewMs;
    },
  };
}
