// What there is to read: the listing of the stream beside the rows of the store, and the look at both that takes what is ours.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import type { FullRead, LeaseStore, ShardRow } from '../model/lease-store.ts';
import type { Position } from '../model/position.ts';
import type { Clock } from '../platform/clock.ts';
import type { CoordinatorConfig, ThreadEvent } from '../protocol.ts';
import { claims } from './allocation.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { LeaseTable } from './lease-table.ts';
import { eligible } from './lineage.ts';
import type { ShardWatch } from './shard-watch.ts';
import { ensureRows } from './stream-rows.ts';

export interface SurveyParts {
  readonly config: Pick<CoordinatorConfig, 'maxShards'>;
  readonly clock: Clock;
  /** Aborted when a stop begins: nothing is taken any more. */
  readonly stopping: AbortSignal;
  readonly store: Pick<LeaseStore, 'readTick' | 'readAll' | 'createShard' | 'replaceShard'>;
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly heartbeat: () => Pick<Heartbeat, 'isValid' | 'session'>;
  readonly leases: () => Pick<LeaseTable, 'held' | 'take'>;
  readonly watch: () => Pick<ShardWatch, 'listed'>;
  /** Says that this thread moves. */
  readonly tick: () => void;
  readonly emit: (event: ThreadEvent) => void;
  /** There may be something to take: look soon. */
  readonly onListed: () => void;
}

export interface Survey {
  readonly listing: ShardListing;
  readonly rows: readonly ShardRow[];
  /** With the first listing; the others are ignored until then. */
  begin(start: Position, listing: ShardListing): Promise<void>;
  listed(listing: ShardListing): Promise<void>;
  /** One look at the store: which shards may be read, and take what is ours to take. */
  look(): Promise<void>;
}

const FULL_READ_INTERVAL_MS = 10_000;
const TAKES_IN_FLIGHT = 32;

export function createSurvey(parts: SurveyParts): Survey {
  const { config, clock, stopping, store, tick } = parts;
  /** Where the application starts to read; null until that is known. */
  let start: Position | null = null;
  let known: ShardListing = { shards: [], serverTimeMs: 0 };
  let read: FullRead = { app: null, sessions: [], shards: [] };
  let fullReadAt = -Infinity;

  const listed = async (listing: ShardListing): Promise<void> => {
    if (start === null) return;
    const first = known.shards.length === 0;
    const before = new Set(known.shards.map(({ shardId }) => shardId));
    const rows = (await store.readAll()).shards;
    const replaced = await ensureRows(store, parts.api, start, listing, rows, stopping);
    known = listing;
    await parts.watch().listed(listing, rows, replaced);
    const added = listing.shards.filter(({ shardId }) => !before.has(shardId)).map(({ shardId }) => shardId);
    if (added.length > 0 && !first) {
      const closed = listing.shards.filter(
        ({ endingSequenceNumber }) => endingSequenceNumber !== null,
      ).length;
      parts.emit({ name: 'topology:changed', open: listing.shards.length - closed, closed, added });
    }
    parts.onListed();
  };

  return {
    get listing() {
      return known;
    },
    get rows() {
      return read.shards;
    },
    async begin(from, listing) {
      start = from;
      read = await store.readAll();
      await listed(listing);
    },
    listed,
    async look() {
      tick();
      const heartbeat = parts.heartbeat();
      if (!heartbeat.isValid()) return;
      const light = await store.readTick();
      const now = clock.monotonic();
      if (light.app?.rev !== read.app?.rev || now - fullReadAt >= FULL_READ_INTERVAL_MS) {
        read = await store.readAll();
        fullReadAt = now;
      } else {
        read = { ...light, shards: read.shards };
      }
      const { shards, sessions } = read;
      const ready = eligible(shards, known.shards).eligible;
      const leases = parts.leases();
      const held = new Set(leases.held.keys());
      const mine = claims(shards, ready, sessions, heartbeat.session, held, config.maxShards);
      for (let i = 0; i < mine.length && !stopping.aborted; i += TAKES_IN_FLIGHT) {
        await Promise.all(mine.slice(i, i + TAKES_IN_FLIGHT).map((row) => leases.take(row)));
      }
      tick();
    },
  };
}
