// Before anything is read: the stream exists and is ACTIVE, or it is created, or there is a clear error.

import type { KinesisApi, ShardListing } from '../kinesis/api.ts';
import { KinesisError, type KinesisErrorKind } from '../kinesis/errors.ts';
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
 * Resolves with the first listing once the stream can be read. Throws ERR_STREAM_NOT_FOUND, ERR_STREAM_NOT_ACTIVE after
 * `describeTimeoutMs`, or what AWS refused with.
 */
export async function openStream(parts: StreamSetupParts): Promise<ShardListing> {
  const { api, config, clock, signal } = parts;
  const deadline = clock.monotonic() + config.describeTimeoutMs;
  // `skip` checks nothing: a stream that is missing shows at the first listing.
  const skips = config.describe === 'skip' && config.createStream === null;
  const created = skips ? false : await ensureStream(parts, deadline);
  for (;;) {
    try {
      return await api.listShards({ type: 'ALL' }, { signal });
    } catch (error) {
      // The host that answers may not know yet what another one said.
      const maybeLater = created && isKind(error, 'stream-missing');
      if (!maybeLater && !isKind(error, 'throttled', 'not-active') && !isExpiredToken(error)) throw error;
      await pause(parts, deadline, 'not listed', error);
    }
  }
}

/** Resolves with whether the stream was created, here or elsewhere, while this looked on. */
async function ensureStream(parts: StreamSetupParts, deadline: number): Promise<boolean> {
  let mayCreate = parts.config.createStream !== null;
  let created = false;
  for (;;) {
    let status: string;
    let cause: unknown;
    try {
      status = await look(parts);
      if (status === 'ACTIVE' || status === 'UPDATING') return created;
      created ||= status === 'CREATING' || status === 'not yet active';
    } catch (error) {
      cause = error;
      if (isKind(error, 'throttled')) {
        status = 'not described';
      } else {
        if (!isKind(error, 'stream-missing')) throw error;
        // Right after its creation not every host of AWS knows the stream.
        if (!created && !mayCreate) throw error;
        status = 'not yet known';
        if (mayCreate && (await create(parts))) {
          created = true;
          mayCreate = false;
        }
      }
    }
    await pause(parts, deadline, status, cause);
  }
}

/** Throws when the stop or the deadline comes before the next look. */
async function pause(
  { config, stream, clock, timers, signal }: StreamSetupParts,
  deadline: number,
  status: string,
  cause: unknown,
): Promise<void> {
  if (clock.monotonic() + POLL_MS > deadline) {
    throw new ShardpoolError(
      'ERR_STREAM_NOT_ACTIVE',
      `The stream ${stream} is ${status}, not ACTIVE, after ${config.describeTimeoutMs} ms`,
      { retryable: true, cause },
    );
  }
  await delay(timers, POLL_MS, signal);
  if (signal.aborted)
    throw new KinesisError('aborted', `The wait for the stream ${stream} was ended by a stop`);
}

function isKind(error: unknown, ...kinds: readonly KinesisErrorKind[]): boolean {
  return error instanceof KinesisError && kinds.includes(error.kind);
}

/** The pages of one listing took longer than AWS keeps its token: it begins again. */
function isExpiredToken(error: unknown): boolean {
  if (!(error instanceof KinesisError)) return false;
  return error.cause instanceof Error && error.cause.name === 'ExpiredNextTokenException';
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

/** Creates the stream; another process may be doing the same, which is as good. False: it has to be tried again. */
async function create({ api, config, signal }: StreamSetupParts): Promise<boolean> {
  const { createStream } = config;
  if (createStream === null) return true;
  try {
    await api.createStream(createStream === 'on-demand' ? createStream : { count: createStream.shards }, {
      signal,
    });
    return true;
  } catch (error) {
    if (isKind(error, 'not-active')) return true;
    // Five creations a second for the whole account.
    if (isKind(error, 'throttled')) return false;
    throw error;
  }
}
