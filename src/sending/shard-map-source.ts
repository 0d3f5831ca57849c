// Fetches the shard map on first use and again when a reply shows that it is out of date.

import type { KinesisApi } from '../kinesis/api.ts';
import { ShardpoolError } from '../model/errors.ts';
import { type BackoffLimits, backoffDelayMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import { buildShardMap, type ShardMap } from './shard-map.ts';

export interface ShardMapSourceOptions {
  readonly api: Pick<KinesisApi, 'listShards'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly signal: AbortSignal;
  onMap(map: ShardMap): void;
  /** The first map cannot be had: a missing stream, a missing permission. */
  onFatal(error: Error): void;
}

export interface ShardMapSource {
  isLoaded(): boolean;
  /** Starts to fetch the first map, however often it takes. */
  load(): void;
  /** Fetches a newer map; a call while one is being fetched, or right after, does nothing. */
  refresh(): void;
}

const BACKOFF: BackoffLimits = { minDelayMs: 200, maxDelayMs: 10_000 };

/** ListShards may lag behind a reshard: until it catches up, every reply says that the map is old. */
const MIN_REFRESH_INTERVAL_MS = 1_000;

export function createShardMapSource(options: ShardMapSourceOptions): ShardMapSource {
  const { api, clock, timers, random, signal } = options;
  let loaded = false;
  let fetching = false;
  let refreshedAt = Number.NEGATIVE_INFINITY;

  const fetchMap = async (): Promise<void> => {
    const { shards } = await api.listShards({ type: 'AT_LATEST' }, { signal });
    if (signal.aborted) return;
    loaded = true;
    options.onMap(buildShardMap(shards));
  };

  const fetchFirst = async (): Promise<void> => {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await fetchMap();
        return;
      } catch (error) {
        if (!(error instanceof ShardpoolError && error.retryable)) {
          options.onFatal(
            error instanceof Error ? error : new ShardpoolError('ERR_PUT_FAILED', String(error)),
          );
          return;
        }
        await delay(timers, backoffDelayMs(attempt, BACKOFF, random), signal);
      }
    }
  };

  /** The old map still serves: Kinesis routes by itself, the map only predicts. The next reply asks again. */
  const fetchNewer = () => fetchMap().catch(() => {});

  const once = (fetch: () => Promise<void>): void => {
    if (fetching) return;
    fetching = true;
    void fetch().finally(() => {
      fetching = false;
      refreshedAt = clock.monotonic();
    });
  };

  return {
    isLoaded: () => loaded,
    load: () => once(fetchFirst),
    refresh() {
      if (clock.monotonic() - refreshedAt >= MIN_REFRESH_INTERVAL_MS) once(fetchNewer);
    },
  };
}
