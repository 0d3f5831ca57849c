// The rows of the application in the lease store that follow from the stream: the app row, and one row per shard.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import { ShardpoolError } from '../model/errors.ts';
import { type AppRow, type LeaseStore, SCHEMA_VERSION, type ShardRow } from '../model/lease-store.ts';
import { latestPosition, type Position, timestampPosition, TRIM_HORIZON } from '../model/position.ts';
import type { CoordinatorConfig } from '../protocol.ts';
import { newRows, seedRows } from './lineage.ts';
import { startSetFilter } from './topology.ts';

/** Creates the app row, or adopts that of whoever was first. */
export async function ensureApp(
  store: Pick<LeaseStore, 'createApp'>,
  config: Pick<CoordinatorConfig, 'start' | 'leaseDurationMs' | 'application'>,
  serverTimeMs: number,
): Promise<AppRow> {
  const { start, leaseDurationMs, application } = config;
  const resolved = resolveStart(start, serverTimeMs);
  const { row } = await store.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs, start: resolved });
  if (row === null) throw new ShardpoolError('ERR_LEASE_STORE', 'The lease store returned no app row');
  if (row.schemaVersion !== SCHEMA_VERSION) {
    throw new ShardpoolError(
      'ERR_LEASE_STORE',
      `The rows of application ${application} have schema version ${row.schemaVersion}; this version of shardpool reads ${SCHEMA_VERSION}`,
    );
  }
  // Instances that count with different lease durations would take shards from each other.
  if (row.leaseDurationMs !== leaseDurationMs) {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `Expected \`leaseDurationMs\` to be ${row.leaseDurationMs}, as application ${application} has it stored, got \`${leaseDurationMs}\``,
    );
  }
  return row;
}

function resolveStart(start: CoordinatorConfig['start'], serverTimeMs: number): Position {
  if (start === 'TRIM_HORIZON') return TRIM_HORIZON;
  // The clock of AWS, so that a crash before the first checkpoint resumes at the same moment.
  return start === 'LATEST' ? latestPosition(serverTimeMs) : timestampPosition(start.at);
}

/**
 * Creates the rows that are missing, parents first. With any other start than TRIM_HORIZON the rows of the start set
 * differ from those of later children; both follow from the listing and the app row alone, so this may be run again
 * at any time, also after a first sight that was cut short. Returns whether it created any.
 */
export async function ensureRows(
  store: Pick<LeaseStore, 'createShard'>,
  api: Pick<KinesisApi, 'listShards'>,
  start: Position,
  listing: ShardListing,
  rows: readonly ShardRow[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const known = new Set(rows.map(({ shardId }) => shardId));
  if (listing.shards.every(({ shardId }) => known.has(shardId))) return [];
  const seeds =
    start === TRIM_HORIZON
      ? newRows(listing.shards, rows)
      : await api.listShards(startSetFilter(start), { signal }).then((startSet) =>
          seedRows(
            listing.shards,
            startSet.shards.map(({ shardId }) => shardId),
            start,
            rows,
          ),
        );
  const created: string[] = [];
  for (const seed of seeds) {
    if (known.has(seed.shardId)) continue;
    await store.createShard(seed);
    created.push(seed.shardId);
  }
  return created;
}
