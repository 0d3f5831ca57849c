// What the starter asks of the account: the same operations as over HTTP, but past the limits and the fault script,
// and they wait until the change has taken effect.

import { invalid } from '../../model/checks.ts';
import { ShardpoolError } from '../../model/errors.ts';
import type { Shard } from '../../model/shard.ts';
import type { Account } from './account.ts';
import { AwsError } from './aws-error.ts';
import type { CallCounter } from './call-counts.ts';
import type { MovableClock } from './clock.ts';
import type { FaultScript } from './faults.ts';
import type { RequestBody } from './fields.ts';
import { middleOf } from './hash-keys.ts';
import { OPERATIONS, type OperationName } from './operations/index.ts';
import type { Commands, PutEntry, PutResult } from './protocol.ts';
import { counterOf } from './sequence-numbers.ts';
import type { ShardState, Stream } from './stream.ts';

export interface CommandParts {
  readonly account: Account;
  readonly clock: MovableClock;
  readonly faults: FaultScript;
  readonly counter: CallCounter;
  readonly sleep: (ms: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export function createCommands({ account, clock, faults, counter, sleep, stop }: CommandParts): Commands {
  const run = (operation: OperationName, body: RequestBody): string =>
    OPERATIONS[operation]({ account, body, failEntry: null, asAws: true });

  /** The clock can be moved while this waits, so it looks again instead of sleeping to the end. */
  const untilSettled = async (name: string): Promise<void> => {
    for (;;) {
      const stream = account.find(name);
      if (stream === null || stream.status === 'ACTIVE') return;
      await sleep(Math.min(10, Math.max(1, stream.dueMs - account.clock.now())));
    }
  };

  const reshard = async (name: string, operation: OperationName, body: RequestBody): Promise<string[]> => {
    const known = account.stream(name).shards.length;
    run(operation, { StreamName: name, ...body });
    await untilSettled(name);
    return account
      .stream(name)
      .shards.slice(known)
      .map((shard) => shard.id);
  };

  return {
    async createStream(name, { shards }) {
      const size =
        shards === null ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' } } : { ShardCount: shards };
      run('CreateStream', { StreamName: name, ...size });
      await untilSettled(name);
    },
    async deleteStream(name) {
      await untilSettled(name);
      run('DeleteStream', { StreamName: name });
      await untilSettled(name);
    },
    split(name, shardId, newStartingHashKey) {
      const key = newStartingHashKey ?? String(middleOf(account.shard(account.stream(name), shardId).range));
      return reshard(name, 'SplitShard', { ShardToSplit: shardId, NewStartingHashKey: key });
    },
    async merge(name, shardId, adjacentShardId) {
      // AWS insists on the lower one first; a test that merges two neighbours should not have to care.
      const [first, second] = [shardId, adjacentShardId]
        .map((id) => account.shard(account.stream(name), id))
        .sort((a, b) => (a.range.start < b.range.start ? -1 : 1));
      const body = { ShardToMerge: first?.id, AdjacentShardToMerge: second?.id };
      const [child] = await reshard(name, 'MergeShards', body);
      return child ?? '';
    },
    async scale(name, shards) {
      await reshard(name, 'UpdateShardCount', { TargetShardCount: shards, ScalingType: 'UNIFORM_SCALING' });
    },
    shards: async (name) => account.stream(name).shards.map(describeShard),
    put: async (name, entries) => put(account, account.usableStream(name), entries),
    trim: async (name, shardId, upTo) => trim(account, account.usableStream(name), shardId, upTo),
    async advance(ms) {
      clock.advance(ms);
      return clock.now();
    },
    inject: async (rule) => faults.add(rule),
    clearFaults: async () => faults.clear(),
    calls: async (filter) => counter.read(filter),
    stop,
  };
}

function put(account: Account, stream: Stream, entries: readonly PutEntry[]): PutResult[] {
  const now = account.clock.now();
  return entries.map(({ data, partitionKey, explicitHashKey }) => {
    const bytes = data.byteLength + Buffer.byteLength(partitionKey);
    const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    const shard = stream.route(partitionKey, explicitHashKey);
    const record = { data: base64, partitionKey, explicitHashKey, bytes };
    return { shardId: shard.id, sequenceNumber: stream.append(shard, record, now) };
  });
}

/** Forgets the records before `upTo`, a time or a sequence number; all there are without it. Returns how many. */
function trim(
  account: Account,
  stream: Stream,
  shardId: string | null,
  upTo: string | number | null,
): number {
  const now = account.clock.now();
  const shards = shardId === null ? stream.retained(now) : [account.shard(stream, shardId)];
  let count = 0;
  for (const shard of shards) {
    stream.trimExpired(shard, now);
    count += stream.trimTo(shard, positionOf(shard, upTo));
  }
  return count;
}

function positionOf(shard: ShardState, upTo: string | number | null): number {
  if (upTo === null) return Infinity;
  if (typeof upTo === 'number') return shard.log.positionAt(upTo);
  const counter = counterOf(upTo, shard.prefix);
  if (counter === null) throw invalid('upTo', `a sequence number of ${shard.id}`, upTo);
  // Record n has the counter n + 1, and is the first one that stays.
  return counter - 1;
}

function describeShard(shard: ShardState): Shard {
  return {
    shardId: shard.id,
    parentShardId: shard.parentId,
    adjacentParentShardId: shard.adjacentParentId,
    startingHashKey: shard.range.start.toString(),
    endingHashKey: shard.range.end.toString(),
    startingSequenceNumber: shard.startingSequenceNumber,
    endingSequenceNumber: shard.endingSequenceNumber,
  };
}

/** The error of AWS as the caller of the starter gets it. */
export function commandError(error: unknown): unknown {
  if (!(error instanceof AwsError)) return error;
  if (error.type === 'ResourceNotFoundException')
    return new ShardpoolError('ERR_STREAM_NOT_FOUND', error.message);
  if (error.type === 'InvalidArgumentException' || error.type === 'ValidationException') {
    return new ShardpoolError('ERR_INVALID_OPTION', error.message);
  }
  return new ShardpoolError('ERR_AWS', `${error.type}: ${error.message}`);
}
