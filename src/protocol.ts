// Every message that crosses a port, both directions. Plain data: no classes, no optional fields, null when absent.
//
//   main <-> coordinator          MainToCoordinator / CoordinatorToMain
//   coordinator <-> receiver      CoordinatorToReceiver / ReceiverToCoordinator   (main, or a handler thread)
//   coordinator <-> fetch thread  CoordinatorToFetcher / FetcherToCoordinator
//   fetch thread <-> receiver     FetcherToReceiver / ReceiverToFetcher           (the data port)
//   main <-> handler thread       MainToHandlerThread / HandlerThreadToMain
//   pool -> fetch thread          FetcherTask
//
// A shard travels as a small index that the coordinator gives out; `epoch` counts the readers it had in this process.

import type { CallLimits } from './model/call-limits.ts';
import type { EncodedError } from './model/errors.ts';
import type { Position } from './model/position.ts';
import type {
  ChildShard,
  EndReason,
  HashKeyRange,
  LeaseState,
  ShardLoss,
  ShardState,
} from './model/shard.ts';
import type { RawPort } from './model/port.ts';
import type { AppRow, ShardRow } from './model/lease-store.ts';
import type { CheckpointerSpec, ProcessorSpec } from './model/specs.ts';

export type ShardIndex = number;
/** Number of one life of a fetch thread; also its slot in the byte budget. */
export type HostId = number;

// ── configuration that threads are started with ────────────────────────────────────────────────────────────────

export interface AddressConfig {
  readonly stream: string;
  readonly region: string | null;
  readonly endpoint: string | null;
}

export interface BatchShape {
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

export interface FetcherConfig {
  readonly address: AddressConfig;
  readonly processor: ProcessorSpec;
  readonly batch: BatchShape;
  readonly recordLimit: number;
  readonly readsPerSecond: number;
  readonly idlePollMs: number;
  readonly limits: CallLimits;
}

export interface CoordinatorConfig {
  readonly address: AddressConfig;
  readonly application: string;
  readonly instanceId: string;
  readonly version: string;
  readonly start: 'TRIM_HORIZON' | 'LATEST' | { readonly at: number };
  readonly checkpointer: CheckpointerSpec;
  readonly threads: number;
  /** Null: no limit. */
  readonly maxShards: number | null;
  readonly describe: 'list-shards' | 'describe-stream' | 'skip';
  readonly createStream: { readonly shards: number } | 'on-demand' | null;
  readonly describeTimeoutMs: number;
  readonly shardRefreshIntervalMs: number;
  readonly leaseDurationMs: number;
  readonly marginMs: number;
  readonly heartbeatIntervalMs: number;
  readonly coordinationIntervalMs: number;
  readonly checkpointIntervalMs: number;
  /** How long a shard that is handed off may take to come to rest. */
  readonly drainDeadlineMs: number;
  readonly threadHangMs: number;
  readonly fetcher: FetcherConfig;
}

/** Who says that records are done: the call of the handler that returns, or `batch.ack` and `checkpoint`. */
export type AckMode = 'auto' | 'manual';

export interface ReceiverConfig {
  readonly stream: string;
  readonly ack: AckMode;
  readonly processor: ProcessorSpec;
  readonly concurrency: number | null;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** Shared memory that every thread of a consumer looks at. */
export interface SharedMemory {
  /** platform/fence.ts */
  readonly fence: SharedArrayBuffer;
  /** platform/byte-budget.ts */
  readonly budget: SharedArrayBuffer;
  /** platform/progress.ts */
  readonly progress: SharedArrayBuffer;
  /** Slots of fetch threads in both. */
  readonly hosts: number;
}

export interface PlainCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** Ms since the epoch. */
  readonly expiration: number;
}

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

// ── main <-> coordinator ───────────────────────────────────────────────────────────────────────────────────────

export type MainToCoordinator =
  | {
      readonly type: 'start';
      readonly config: CoordinatorConfig;
      readonly memory: SharedMemory;
      /** One port per receiver; the index is the receiver's number. */
      readonly receivers: readonly RawPort[];
      /** Of a coordinator that this one follows; null for the first. */
      readonly predecessor: Predecessor | null;
    }
  /** A handler thread that follows one that died. */
  | { readonly type: 'receiver'; readonly receiver: number; readonly port: RawPort }
  | {
      readonly type: 'credentials';
      readonly id: number;
      readonly value: PlainCredentials | null;
      readonly error: EncodedError | null;
    }
  | { readonly type: 'status'; readonly id: number }
  /** Drain, then finish. */
  | { readonly type: 'stop'; readonly drainMs: number }
  /** Write what is acked for `checkpoint()`. */
  | { readonly type: 'checkpoint'; readonly id: number };

/** What main knows of a coordinator that it has ended. */
export interface Predecessor {
  readonly session: string | null;
  /** What its memory checkpointer held; null for every other one. */
  readonly remembered: Remembered | null;
}

export interface Remembered {
  readonly app: AppRow | null;
  readonly shards: readonly ShardRow[];
}

export type CoordinatorToMain =
  /** A session began: whoever follows this coordinator ends it. */
  | { readonly type: 'session'; readonly session: string }
  /** Rows of the memory checkpointer that changed; main keeps them for whoever follows this coordinator. */
  | ({ readonly type: 'remember' } & Remembered)
  /** The port of a receiver has closed: its thread is dead. */
  | { readonly type: 'receiverGone'; readonly receiver: number; readonly shards: readonly string[] }
  /** The answer to `stop`, at once: this thread still listens. */
  | { readonly type: 'stopping' }
  | { readonly type: 'started'; readonly shards: number }
  | { readonly type: 'credentials?'; readonly id: number; readonly renew: boolean }
  | { readonly type: 'event'; readonly event: ThreadEvent }
  | { readonly type: 'log'; readonly record: LogRecord }
  | { readonly type: 'status'; readonly id: number; readonly status: CoordinatorStatus }
  | { readonly type: 'checkpointed'; readonly id: number; readonly error: EncodedError | null }
  | { readonly type: 'drained'; readonly late: number }
  | { readonly type: 'bye'; readonly positions: readonly (readonly [shardId: string, position: Position])[] }
  | { readonly type: 'fatal'; readonly error: EncodedError };

/** What threads report to the user's listeners; the names are the consumer's event names. */
export type ThreadEvent =
  | {
      readonly name: 'shard:start';
      readonly shardId: string;
      readonly position: Position;
      readonly token: number;
      readonly thread: HostId;
    }
  | {
      readonly name: 'shard:end';
      readonly shardId: string;
      readonly reason: EndReason;
      readonly position: Position;
    }
  | {
      readonly name: 'shard:retry';
      readonly shardId: string;
      readonly error: EncodedError;
      readonly attempt: number;
      readonly delayMs: number;
    }
  | {
      readonly name: 'shard:stalled';
      readonly shardId: string;
      readonly state: ShardState | null;
      readonly since: number;
      readonly lagMs: number | null;
      readonly forMs: number;
      readonly error: EncodedError | null;
    }
  | {
      readonly name: 'records:maybe-lost';
      readonly shardId: string;
      /** Everything up to and including this was read. */
      readonly position: Position;
      /** The first record behind it that is there; null where there is none. */
      readonly next: Position | null;
      readonly cause: string;
    }
  | {
      readonly name: 'records:lost';
      readonly shardId: string;
      readonly position: Position;
      readonly cause: string;
    }
  | { readonly name: 'stream:replaced'; readonly shards: readonly string[] }
  | {
      readonly name: 'topology:changed';
      readonly open: number;
      readonly closed: number;
      readonly added: readonly string[];
    }
  | {
      readonly name: 'topology:retry';
      readonly error: EncodedError;
      readonly attempt: number;
      readonly delayMs: number;
    }
  | {
      readonly name: 'handler:failed';
      readonly shardId: string;
      readonly error: EncodedError;
      readonly attempt: number;
      readonly delayMs: number;
      readonly records: number;
    }
  | { readonly name: 'lease:lost'; readonly shardId: string; readonly token: number; readonly cause: string }
  | { readonly name: 'session:lost'; readonly session: string; readonly cause: string }
  | {
      readonly name: 'session:evicted';
      readonly session: string;
      readonly host: string;
      readonly pid: number;
    }
  | { readonly name: 'shards:unassigned'; readonly shards: readonly string[] }
  | {
      readonly name: 'thread:died';
      readonly kind: 'fetch' | 'handler' | 'coordinator';
      readonly thread: number;
      readonly error: EncodedError;
      readonly shards: readonly string[];
    }
  | {
      readonly name: 'record:poison';
      readonly shardId: string;
      /** The record is the next one after this position. */
      readonly position: Position;
      readonly kind: 'fetch' | 'handler';
      readonly deaths: number;
      readonly delayMs: number;
    };

export interface ShardStatusRow {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly open: boolean;
  readonly listed: boolean;
  /** Null where it is not listed; `ending` is null while it is open. */
  readonly sequenceRange: { readonly starting: string; readonly ending: string | null } | null;
  readonly lease: LeaseState;
  readonly state: ShardState | null;
  /** Ms since the epoch. */
  readonly since: number;
  readonly lagMs: number | null;
  readonly position: Position;
  readonly owner: string | null;
  readonly token: number;
  readonly thread: HostId | null;
  readonly receiver: number | null;
  readonly throttled: number;
  readonly outOfRange: number;
  readonly reads: number;
  /** What the last call failed with; null after a success. */
  readonly error: EncodedError | null;
}

/** One session of the application, as the lease store has it. */
export interface InstanceStatus {
  readonly session: string;
  readonly state: 'live' | 'draining' | 'ended' | 'dead';
  readonly host: string;
  readonly pid: number;
  /** How many shards name it as their owner. */
  readonly shards: number;
}

export interface CoordinatorStatus {
  readonly session: string;
  readonly instances: readonly InstanceStatus[];
  /** Shard ids that nobody has room for. */
  readonly unassigned: readonly string[];
  readonly shards: readonly ShardStatusRow[];
  readonly threads: readonly {
    readonly thread: HostId;
    readonly shards: number;
    readonly utilization: number;
  }[];
  /** Largest time between the starts of two beats so far, in ms. */
  readonly largestBeatGapMs: number;
  readonly beats: number;
  readonly leaseRemainingMs: number;
  /** Since the start of the last read of the lease store that was answered, ms. */
  readonly storeReadAgoMs: number;
  /** What the lease store failed with last; null once it answered again. */
  readonly storeError: EncodedError | null;
  /** Shard ids that are held here and get nowhere. */
  readonly stalled: readonly string[];
  readonly bufferedBytes: number;
}

// ── coordinator <-> receiver ───────────────────────────────────────────────────────────────────────────────────

export interface EpochRow {
  readonly shard: ShardIndex;
  readonly shardId: string;
  readonly token: number;
  readonly epoch: number;
  /** Generation of the fence under which the lease was taken. */
  readonly generation: number;
  /** How often in a row a handler thread has died with the next record of this shard in hand. */
  readonly failures: number;
  /** Null: revoked, for `reason`. */
  readonly host: HostId | null;
  readonly reason: EndReason | null;
}

export type CoordinatorToReceiver =
  | { readonly type: 'host'; readonly host: HostId; readonly port: RawPort }
  | { readonly type: 'epoch'; readonly rows: readonly EpochRow[] }
  | { readonly type: 'hostGone'; readonly host: HostId }
  /** The shard goes to another receiver: finish what is in hand, drop the rest; answered by `yielded`. */
  | { readonly type: 'yield'; readonly shard: ShardIndex; readonly epoch: number }
  /**
   * For `checkpoint()`: send what is acked so far, at once; answered by `flushed`. With `ack: 'manual'`, everything whose
   * handler call has returned is acked by it.
   */
  | { readonly type: 'flush'; readonly id: number }
  /** Finish what was received; answered by `drained`. */
  | { readonly type: 'drain' }
  /** The deadline passed: abort the handlers, give the rest back unhandled; answered by `drained`. */
  | { readonly type: 'abort' }
  | { readonly type: 'end' };

export type ReceiverToCoordinator =
  | { readonly type: 'acked'; readonly rows: readonly AckedRow[] }
  | {
      readonly type: 'settled';
      readonly host: HostId;
      /** Last received position per shard; a shard of which nothing came is missing. */
      readonly rows: readonly (readonly [shard: ShardIndex, epoch: number, received: Position])[];
    }
  /** Behind the acks of the shard: this receiver has nothing of it any more. */
  | { readonly type: 'yielded'; readonly shard: ShardIndex; readonly epoch: number }
  /** Behind the acks of that moment. */
  | { readonly type: 'flushed'; readonly id: number }
  | { readonly type: 'drained'; readonly late: number };

export type AckedRow = readonly [shard: ShardIndex, token: number, epoch: number, upTo: Position];

// ── coordinator <-> fetch thread ───────────────────────────────────────────────────────────────────────────────

export interface FetcherTask {
  readonly host: HostId;
  readonly config: FetcherConfig;
  readonly memory: SharedMemory;
  readonly control: RawPort;
  /** One data port per receiver. */
  readonly data: readonly (readonly [receiver: number, port: RawPort])[];
}

export type CoordinatorToFetcher =
  | {
      readonly type: 'assign';
      readonly shard: ShardIndex;
      readonly shardId: string;
      readonly token: number;
      readonly epoch: number;
      readonly generation: number;
      /** A sequence position means: everything up to and including it is already there. */
      readonly from: Position;
      readonly receiver: number;
      /** Null while the shard is not listed. */
      readonly range: HashKeyRange | null;
      /** Its records have ended threads: send after each of them. */
      readonly isolate: boolean;
    }
  /** The data port of a new receiver. */
  | { readonly type: 'receiver'; readonly receiver: number; readonly port: RawPort }
  /** The receiver is dead: send it nothing more; answered by `receiverGone`. */
  | { readonly type: 'receiverGone'; readonly receiver: number }
  | {
      readonly type: 'revoke';
      readonly shard: ShardIndex;
      readonly epoch: number;
      readonly reason: EndReason;
    }
  | {
      readonly type: 'credentials';
      readonly id: number;
      readonly value: PlainCredentials | null;
      readonly error: EncodedError | null;
    }
  | { readonly type: 'ping'; readonly id: number }
  /** Stop fetching, send what is packed, end every shard with `requested`; answered by `drained`. */
  | { readonly type: 'drain' }
  | { readonly type: 'end' };

export type FetcherToCoordinator =
  | { readonly type: 'ready' }
  | { readonly type: 'pong'; readonly id: number; readonly utilization: number }
  | { readonly type: 'revoked'; readonly shard: ShardIndex; readonly epoch: number }
  | {
      readonly type: 'state';
      readonly shard: ShardIndex;
      readonly epoch: number;
      readonly state: ShardState;
      readonly since: number;
      readonly lagMs: number | null;
      readonly reads: number;
      readonly throttled: number;
      readonly outOfRange: number;
      readonly readAt: number | null;
      readonly error: EncodedError | null;
      readonly loss: ShardLoss | null;
    }
  | {
      readonly type: 'shardEnd';
      readonly shard: ShardIndex;
      readonly epoch: number;
      readonly children: readonly ChildShard[];
    }
  | {
      readonly type: 'shardRetry';
      readonly shard: ShardIndex;
      readonly epoch: number;
      readonly error: EncodedError;
      readonly attempt: number;
      readonly delayMs: number;
    }
  | {
      readonly type: 'shardFailed';
      readonly shard: ShardIndex;
      readonly epoch: number;
      readonly error: EncodedError;
    }
  | { readonly type: 'credentials?'; readonly id: number; readonly renew: boolean }
  | { readonly type: 'receiverGone'; readonly receiver: number }
  | { readonly type: 'drained' };

// ── the data port: fetch thread <-> receiver ───────────────────────────────────────────────────────────────────

/** One packed batch; delivery/packed-batch.ts has the layout of `ab`. */
export interface BatchMessage {
  readonly type: 'batch';
  readonly shard: ShardIndex;
  readonly epoch: number;
  /** Number of user records. */
  readonly n: number;
  /** Payload bytes. */
  readonly bytes: number;
  /** What it costs in the byte budget. */
  readonly units: number;
  readonly lagMs: number | null;
  /** Position of the last record. */
  readonly last: Position;
  readonly ab: ArrayBuffer;
  /** Partition keys, joined. */
  readonly keys: string;
  /** Distinct sequence numbers, comma separated. */
  readonly seqs: string;
  /** Distinct explicit hash keys, comma separated; null when no record has one. */
  readonly ehks: string | null;
}

export type FetcherToReceiver =
  | BatchMessage
  /** After the last batch of this reader. */
  | { readonly type: 'end'; readonly shard: ShardIndex; readonly epoch: number; readonly reason: EndReason };

export type ReceiverToFetcher =
  /** `n` batches of the shard are done with: its window opens by as many. */
  | {
      readonly type: 'acks';
      readonly rows: readonly (readonly [shard: ShardIndex, epoch: number, n: number])[];
    }
  /** The byte budget has room again. */
  | { readonly type: 'room' };

// ── main <-> handler thread ────────────────────────────────────────────────────────────────────────────────────

export type MainToHandlerThread =
  | {
      readonly type: 'start';
      /** Also the number of its receiver. */
      readonly thread: number;
      readonly module: string;
      readonly config: ReceiverConfig;
      readonly memory: SharedMemory;
      readonly coordinator: RawPort;
    }
  /** A new coordinator: what came from the one before is dropped. */
  | { readonly type: 'attach'; readonly memory: SharedMemory; readonly coordinator: RawPort }
  | { readonly type: 'end' };

export type HandlerThreadToMain =
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly event: ThreadEvent }
  | { readonly type: 'log'; readonly record: LogRecord }
  | { readonly type: 'fatal'; readonly error: EncodedError }
  | { readonly type: 'ended' };
