// An account without server, thread or real clock: calls go straight to the service.

import { Account } from '../../../src/testing/simulator/account.ts';
import { CallCounter } from '../../../src/testing/simulator/call-counts.ts';
import { MovableClock } from '../../../src/testing/simulator/clock.ts';
import { FaultScript } from '../../../src/testing/simulator/faults.ts';
import { RateLimits } from '../../../src/testing/simulator/limits.ts';
import { LiveService } from '../../../src/testing/simulator/live-service.ts';
import { errorReply, type Reply } from '../../../src/testing/simulator/reply.ts';

export const START_MS = 1_800_000_000_000;

export function deskAccount({ limits = false, createStreamMs = 0, reshardMs = 0 } = {}) {
  const clock = new MovableClock(() => START_MS);
  const account = new Account(
    { region: 'us-east-1', accountId: '123456789012', createStreamMs, reshardMs },
    clock,
    limits ? new RateLimits(clock, '123456789012') : null,
  );
  const faults = new FaultScript();
  const counter = new CallCounter();
  const service = new LiveService(account, faults, counter, async (ms) => clock.advance(ms));
  const send = async (operation: string, body: Record<string, unknown>): Promise<Reply> => {
    try {
      return await service.call(operation, body);
    } catch (error) {
      return errorReply(error);
    }
  };
  return {
    clock,
    account,
    faults,
    counter,
    send,
    /** Rejects when the call is refused. */
    async call<Answer>(operation: string, body: Record<string, unknown>): Promise<Answer> {
      const { status, body: text } = await send(operation, body);
      if (status !== 200) throw new Error(`${operation} is refused: ${String(text)}`);
      return (text === '' ? {} : JSON.parse(String(text))) as Answer;
    },
    /** The type of the error that the call is refused with. */
    async refused(operation: string, body: Record<string, unknown>): Promise<string> {
      const { status, body: text } = await send(operation, body);
      return status === 200 ? 'none' : (JSON.parse(String(text)) as { __type: string }).__type;
    },
  };
}

export function base64(text: string | number): string {
  return typeof text === 'number'
    ? Buffer.alloc(text, 'x').toString('base64')
    : Buffer.from(text).toString('base64');
}

export const SHARD_0 = 'shardId-000000000000';
export const SHARD_1 = 'shardId-000000000001';

export interface RecordsReply {
  readonly Records: {
    readonly SequenceNumber: string;
    readonly Data: string;
    readonly PartitionKey: string;
  }[];
  readonly NextShardIterator: string | null;
  readonly MillisBehindLatest: number;
  readonly ChildShards?: { readonly ShardId: string; readonly ParentShards: string[] }[];
}

export function texts(reply: RecordsReply): string[] {
  return reply.Records.map((record) => Buffer.from(record.Data, 'base64').toString());
}
