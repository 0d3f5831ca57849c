// Before anything is read: the stream exists and is ACTIVE, or it is created, or there is a clear error.

import type { KinesisApi } from '../kinesis/api.ts';
import { KinesisError } from '../kinesis/errors.ts';
import { ShardpoolError } from '../model/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { delay, type Timers } from '../platform/timers.ts';
import type { CoordinatorConfig } from '../protocol.ts';

export interface StreamSetupParts {
  readonly api: Pick<KinesisApi, 'describeStream' | 'createStream' | 'listShards'>;
  readonly config: Pick<CoordinatorConfig, 'describe' | 'createStream' | 'describeTimeoutMs'>;
  readonly stream: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

const POLL_MS = 500;

/**
 * Resolves once the stream can be read. Throws ERR_STREAM_NOT_FOUND, ERR_STREAM_NOT_ACTIVE after `describeTimeoutMs`, or
 * what AWS refused with.
 */
export async function ensureStream(parts: StreamSetupParts): Promise<void> {
  const { config, clock, timers, signal } = parts;
  // `skip` checks nothing: a stream that is missing shows at the first listing.
  if (config.describe === 'skip' && config.createStream === null) return;
  const deadline = clock.monotonic() + config.describeTimeoutMs;
  let mayCreate = config.createStream !== null;
  let created = false;
  let status = 'missing';
  while (!signal.aborted) {
    try {
      status = await look(parts);
      if (status === 'ACTIVE' || status === 'UPDATING') return;
    } catch (error) {
      if (!(error instanceof KinesisError) || error.kind !== 'stream-missing') throw error;
      // Right after its creation not every host of AWS knows the stream.
      if (!created && !mayCreate) throw error;
      if (mayCreate) await create(parts);
      created = true;
      mayCreate = false;
      status = 'not yet known';
    }
    if (clock.monotonic() + POLL_MS > deadline) {
      throw new ShardpoolError(
        'ERR_STREAM_NOT_ACTIVE',
        `The stream ${parts.stream} is ${status}, not ACTIVE, after ${config.describeTimeoutMs} ms`,
        { retryable: true },
      );
    }
    await delay(timers, POLL_MS, signal);
  }
}

/** ListShards answers for a stream that is CREATING with ResourceInUse, so both ways can tell. */
async function look({ api, config, signal }: StreamSetupParts): Promise<string> {
  if (config.describe !== 'list-shards') return (await api.describeStream({ signal })).status;
  try {
    await api.listShards({ type: 'AT_LATEST' }, { signal });
    return 'ACTIVE';
  } catch (error) {
    if (error instanceof KinesisError && error.kind === 'not-active') return 'not yet active';
    throw error;
  }
}

/** Creates the stream; another process may be doing the same, which is as good. */
async function create({ api, config, signal }: StreamSetupParts): Promise<void> {
  const { createStream } = config;
  if (createStream === null) return;
  try {
    await api.createStream(createStream === 'on-demand' ? createStream : { count: createStream.shards }, {
      signal,
    });
  } catch (error) {
    if (!(error instanceof KinesisError) || error.kind !== 'not-active') throw error;
  }
}
