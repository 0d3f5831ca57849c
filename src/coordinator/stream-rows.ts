// The rows of the application in the lease store that follow from the stream: the app row, and one row per shard.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import { invalid } from '../model/checks.ts';
import { ShardpoolError } from '../model/errors.ts';
import { type AppRow, type LeaseStore, SCHEMA_VERSION, type ShardRow } from '../model/lease-store.ts';
import { latestPosition, type Position, timestampPosition, TRIM_HORIZON } from '../model/position.ts';
import type { CoordinatorConfig } from '../protocol.ts';
import { newRows, obsoleteRows, seedRows } from './lineage.ts';
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

/** A clock of the caller may run ahead of that of AWS, whose answers tell the time in whole seconds. */
const FUTURE_MS = 60_000;

function resolveStart(start: CoordinatorConfig['start'], serverTimeMs: number): Position {
  if (start === 'TRIM_HORIZON') return TRIM_HORIZON;
  // The clock of AWS, so that a crash before the first checkpoint resumes at the same moment.
  if (start === 'LATEST') return latestPosition(serverTimeMs);
  if (start.at > serverTimeMs + FUTURE_MS) {
    throw invalid('start', `a Date that is not in the future of AWS (${iso(serverTimeMs)})`, iso(start.at));
  }
  // AWS takes no time that it has not reached.
  return timestampPosition(start.at < serverTimeMs + 1_000 ? start.at : serverTimeMs);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A row that stood for a shard of an earlier stream of the same name, and by whom it was replaced. */
export interface Replaced {
  readonly row: ShardRow;
  /** True for the one instance that replaced it. */
  readonly here: boolean;
}

/**
 * Creates the rows that are missing, and replaces those of an earlier stream of the same name, parents first. With any other
 * start than TRIM_HORIZON the rows of the start set differ from those of later children; both follow from the listing and
 * the app row alone, so this may be run again at any time, also after a first sight that was cut short. A stream that was
 * created again lies behind the start as a whole, so all of it is read.
 */
export async function ensureRows(
  store: Pick<LeaseStore, 'createShard' | 'replaceShard'>,
  api: Pick<KinesisApi, 'listShards'>,
  start: Position,
  listing: ShardListing,
  rows: readonly ShardRow[],
  signal: AbortSignal,
): Promise<readonly Replaced[]> {
  const obsolete = new Map(obsoleteRows(rows, listing.shards).map((row) => [row.shardId, row]));
  const current = rows.filter(({ shardId }) => !obsolete.has(shardId));
  const known = new Set(current.map(({ shardId }) => shardId));
  if (listing.shards.every(({ shardId }) => known.has(shardId))) return [];
  const seeds =
    start === TRIM_HORIZON
      ? newRows(listing.shards, current)
      : await api.listShards(startSetFilter(start), { signal }).then((startSet) =>
          seedRows(
            listing.shards,
            startSet.shards.map(({ shardId }) => shardId),
            start,
            current,
          ),
        );
  const replaced: Replaced[] = [];
  for (const seed of seeds) {
    if (known.has(seed.shardId)) continue;
    const row = obsolete.get(seed.shardId);
    if (row === undefined) {
      await store.createShard(seed);
    } else {
      const { applied } = await store.replaceShard({ ...seed, seenStartsAt: row.startsAt });
      replaced.push({ row, here: applied });
    }
  }
  return replaced;
}
