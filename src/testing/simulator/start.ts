// Starts the simulator in a thread of its own and speaks to it. The only file here that knows about threads.

import { Worker } from 'node:worker_threads';
import { integer, invalid, object, text } from '../../model/checks.ts';
import { decodeError, ShardpoolError } from '../../model/errors.ts';
import type { Shard } from '../../model/shard.ts';
import { type Deferred, deferred } from '../../platform/deferred.ts';
import type { CallCounts, CallFilter } from './call-counts.ts';
import { type Fault, resolveFault } from './fault-options.ts';
import { STREAM_NAME, STREAM_NAME_WORDS } from './stream-name.ts';
import { isHashKey } from './hash-keys.ts';
import {
  type CreateStreamOptions,
  resolveCreateStream,
  resolveOptions,
  type ResolvedOptions,
  type SimulatorOptions,
} from './options.ts';
import type { CommandName, Commands, FromThread, PutEntry, PutResult, Request } from './protocol.ts';

export interface SimulatorRecord {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  /** A decimal number from 0 to 2^128 - 1; decides the shard in place of the partition key. */
  readonly explicitHashKey?: string;
}

/** A running simulator. What it refuses it throws as a ShardpoolError: ERR_STREAM_NOT_FOUND, ERR_INVALID_OPTION, ERR_AWS. */
export interface Simulator extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Resolves when the stream is ACTIVE. */
  createStream(name: string, options?: CreateStreamOptions): Promise<void>;
  /** Resolves when the stream is gone. */
  deleteStream(name: string): Promise<void>;
  /** Splits at that hash key (decimal), by default in the middle; resolves to the two children when the stream is ACTIVE again. */
  split(stream: string, shardId: string, newStartingHashKey?: string): Promise<[string, string]>;
  /** Merges two neighbours, in any order; resolves to the child when the stream is ACTIVE again. */
  merge(stream: string, shardId: string, adjacentShardId: string): Promise<string>;
  /** UpdateShardCount; resolves when the stream is ACTIVE again. */
  scale(stream: string, shards: number): Promise<void>;
  /** Every shard the stream ever had, oldest first. */
  shards(stream: string): Promise<Shard[]>;
  /** Writes records past the limits and the scripted faults. */
  put(stream: string, records: readonly SimulatorRecord[]): Promise<PutResult[]>;
  /**
   * Trims records before their time: those before `upTo` (a sequence number of the shard, which stays, or a time), by default all
   * there are. A closed shard that is left empty is gone. Resolves to how many records that were.
   */
  trim(stream: string, shardId?: string, upTo?: string | Date): Promise<number>;
  /**
   * Moves the clock of the simulator ahead, for good: iterators and tokens expire, records and closed shards age, rates refill,
   * streams become ACTIVE. Resolves to the time it is then. Delays of faults stay on the clock of the host.
   */
  advance(ms: number): Promise<Date>;
  /** Adds a scripted fault. Earlier ones come first. */
  inject(fault: Fault): Promise<void>;
  /** Takes all scripted faults back. */
  clearFaults(): Promise<void>;
  /** How many calls came over HTTP, and what became of them. */
  calls(filter?: CallFilter): Promise<CallCounts>;
  /** Cuts all connections and ends the thread. May be called again. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 2_000;
/** Ten years: more than any retention period, and a mistake in a unit shows. */
const MAX_ADVANCE_MS = 10 * 365 * 24 * 3_600_000;
const CREDENTIALS = { accessKeyId: 'simulator', secretAccessKey: 'simulator' } as const;

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const resolved = resolveOptions(options);
  const thread = new SimulatorThread(resolved);
  const port = await thread.ready;
  return createSimulator(thread, resolved, port);
}

function createSimulator(thread: SimulatorThread, options: ResolvedOptions, port: number): Simulator {
  const simulator: Simulator = {
    endpoint: `http://127.0.0.1:${port}`,
    region: options.region,
    accountId: options.accountId,
    credentials: CREDENTIALS,
    createStream: async (name, createOptions) =>
      thread.call('createStream', streamName(name), resolveCreateStream(createOptions)),
    deleteStream: async (name) => thread.call('deleteStream', streamName(name)),
    split: async (stream, shardId, newStartingHashKey) => {
      const children = await thread.call('split', streamName(stream), shardId, hashKey(newStartingHashKey));
      return children as [string, string];
    },
    merge: async (stream, shardId, adjacentShardId) =>
      thread.call('merge', streamName(stream), shardId, adjacentShardId),
    scale: async (stream, shards) =>
      thread.call('scale', streamName(stream), integer('shards', shards, 1, 10_000)),
    shards: async (stream) => thread.call('shards', streamName(stream)),
    put: async (stream, records) => thread.call('put', streamName(stream), records.map(putEntry)),
    trim: async (stream, shardId, upTo) =>
      thread.call('trim', streamName(stream), shardId ?? null, trimPoint(upTo, shardId)),
    advance: async (ms) => new Date(await thread.call('advance', integer('ms', ms, 0, MAX_ADVANCE_MS))),
    inject: async (fault) => thread.call('inject', resolveFault(fault)),
    clearFaults: async () => thread.call('clearFaults'),
    calls: async (filter = {}) => {
      object('filter', filter, ['operation', 'stream', 'shardId']);
      return thread.call('calls', filter);
    },
    stop: () => thread.stop(),
    [Symbol.asyncDispose]: () => thread.stop(),
  };
  return simulator;
}

function streamName(name: unknown): string {
  return text('stream', name, STREAM_NAME, STREAM_NAME_WORDS);
}

function hashKey(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && isHashKey(value)) return value;
  throw invalid('explicitHashKey', 'a decimal number from 0 to 2^128 - 1', value);
}

function trimPoint(upTo: unknown, shardId: string | undefined): string | number | null {
  if (upTo === undefined) return null;
  if (upTo instanceof Date && !Number.isNaN(upTo.getTime())) return upTo.getTime();
  if (typeof upTo !== 'string') throw invalid('upTo', 'a sequence number or a Date', upTo);
  if (shardId === undefined) throw invalid('shardId', 'the shard of the sequence number `upTo`', shardId);
  return upTo;
}

function putEntry({ data, partitionKey, explicitHashKey }: SimulatorRecord): PutEntry {
  if (!(data instanceof Uint8Array)) throw invalid('data', 'a Uint8Array', data);
  text('partitionKey', partitionKey, /^[^]{1,256}$/, 'a string of 1 to 256 characters');
  return { data, partitionKey, explicitHashKey: hashKey(explicitHashKey) };
}

/** The near end of the thread: requests with ids, and one place where all of them fail when the thread ends. */
class SimulatorThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Deferred<never>>();
  readonly #ready = deferred<number>();
  readonly #exited = deferred();
  #nextId = 1;
  /** Why calls are refused; null while the thread runs. */
  #ended: Error | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: ResolvedOptions) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const file = new URL(`../../../workers/simulator.${extension}`, import.meta.url);
    // A thread inherits the flags of its process, and refuses to load a file under --input-type, which belongs to --eval.
    const flags = process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {};
    this.#worker = new Worker(file, { workerData: options, name: 'shardpool-simulator', ...flags });
    this.#worker.on('message', (message: FromThread) => {
      this.#receive(message);
    });
    this.#worker.on('error', (error) => {
      this.#end(
        new ShardpoolError('ERR_THREAD_DIED', 'The thread of the simulator failed', { cause: error }),
      );
    });
    this.#worker.on('exit', (code) => {
      this.#end(
        this.#stopping === null
          ? new ShardpoolError('ERR_THREAD_DIED', `The thread of the simulator ended with code ${code}`)
          : new ShardpoolError('ERR_INVALID_STATE', 'The simulator is stopped'),
      );
      this.#exited.resolve();
    });
  }

  /** The port it listens on. */
  get ready(): Promise<number> {
    return this.#ready.promise;
  }

  call<Name extends CommandName>(
    command: Name,
    ...args: Parameters<Commands[Name]>
  ): ReturnType<Commands[Name]> {
    const answer = deferred<never>();
    if (this.#ended === null && (this.#stopping === null || command === 'stop')) {
      const id = this.#nextId++;
      this.#pending.set(id, answer);
      this.#worker.postMessage({ type: 'request', id, command, args } satisfies Request);
    } else {
      answer.reject(this.#ended ?? new ShardpoolError('ERR_INVALID_STATE', 'The simulator is stopped'));
    }
    return answer.promise as unknown as ReturnType<Commands[Name]>;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #shutDown(): Promise<void> {
    const force = setTimeout(() => void this.#worker.terminate(), STOP_DEADLINE_MS);
    try {
      // Started before #stopping is set, which refuses every call but this one.
      await this.call('stop').catch(() => undefined);
      await this.#exited.promise;
    } finally {
      clearTimeout(force);
    }
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'ready':
        this.#ready.resolve(message.port);
        return;
      case 'failed':
        this.#end(decodeError(message.error));
        return;
      case 'reply':
        this.#take(message.id)?.resolve(message.value as never);
        return;
      case 'error':
        this.#take(message.id)?.reject(decodeError(message.error));
        return;
      default:
        message satisfies never;
    }
  }

  #take(id: number): Deferred<never> | undefined {
    const answer = this.#pending.get(id);
    this.#pending.delete(id);
    return answer;
  }

  /** The first cause counts; what was pending fails with it. */
  #end(error: Error): void {
    this.#ended ??= error;
    this.#ready.reject(this.#ended);
    for (const answer of this.#pending.values()) answer.reject(this.#ended);
    this.#pending.clear();
  }
}
