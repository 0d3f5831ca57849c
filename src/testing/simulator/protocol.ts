// The messages between the starter and the thread of the simulator.

import type { EncodedError } from '../../model/errors.ts';
import type { Shard } from '../../model/shard.ts';
import type { CallCounts, CallFilter } from './call-counts.ts';
import type { FaultRule } from './faults.ts';
import type { ResolvedCreateStream } from './options.ts';

export interface PutEntry {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly explicitHashKey: string | null;
}

export interface PutResult {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** The calls that the thread answers, by name. */
export interface Commands {
  createStream(name: string, options: ResolvedCreateStream): Promise<void>;
  deleteStream(name: string): Promise<void>;
  /** Resolves to the ids of the children. */
  split(stream: string, shardId: string, newStartingHashKey: string | null): Promise<string[]>;
  merge(stream: string, shardId: string, adjacentShardId: string): Promise<string>;
  scale(stream: string, shards: number): Promise<void>;
  shards(stream: string): Promise<Shard[]>;
  put(stream: string, entries: readonly PutEntry[]): Promise<PutResult[]>;
  /** Resolves to how many records were trimmed; `upTo` is a sequence number or a time in ms. */
  trim(stream: string, shardId: string | null, upTo: string | number | null): Promise<number>;
  /** Resolves to the time it is then, in ms. */
  advance(ms: number): Promise<number>;
  inject(rule: FaultRule): Promise<void>;
  clearFaults(): Promise<void>;
  calls(filter: CallFilter): Promise<CallCounts>;
  stop(): Promise<void>;
}

export type CommandName = keyof Commands;

export interface Request {
  readonly type: 'request';
  readonly id: number;
  readonly command: CommandName;
  readonly args: readonly unknown[];
}

export type FromThread =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly error: EncodedError }
  | { readonly type: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: EncodedError };
