// The port of the lease store: rows and conditional one-row writes. docs/leases.md explains the protocol.
//
// Rows are keyed by application and stream; a store is opened for one such pair. Every write answers with the row as
// it is afterwards (the new one on success, the old one on refusal), so a caller never has to guess. A write whose
// outcome is not known (time-out, reset, a retry inside a client library) throws a LeaseStoreError with
// `outcome: 'unknown'`, and the caller reads back.

import { ShardpoolError } from './errors.ts';
import type { Position } from './position.ts';

/** A session is one life of an instance: `instanceId#nonce`, new after every start and after every self-fence. */
export type SessionId = string;

export const SCHEMA_VERSION = 1;

export interface AppRow {
  readonly schemaVersion: number;
  readonly leaseDurationMs: number;
  /** The start position as resolved on first sight; a LATEST carries the server time of AWS. */
  readonly start: Position;
  /** Grows with every write that can change an allocation. */
  readonly rev: number;
}

export type SessionState = 'live' | 'draining' | 'ended' | 'dead';

export interface SessionRow {
  readonly session: SessionId;
  /** Chosen by the client and set, never incremented by the store: applying it twice changes nothing. */
  readonly beat: number;
  readonly state: SessionState;
  /** Null: no limit. */
  readonly maxShards: number | null;
  readonly host: string;
  /** Names one boot of that host and one space of process ids in it; empty where that is not known. */
  readonly boot: string;
  readonly pid: number;
  readonly version: string;
}

export interface ShardRow {
  readonly shardId: string;
  /**
   * Its starting sequence number as ListShards says it. Shard ids begin anew when a stream is deleted and created again
   * under its name; this number does not, and it grows with time.
   */
  readonly startsAt: string;
  readonly parents: readonly string[];
  readonly position: Position;
  readonly owner: SessionId | null;
  /** The fencing token; grows with every take. */
  readonly token: number;
  readonly handOffTo: SessionId | null;
}

/** `row` is what the store holds after the call: null where it holds none. */
export interface WriteResult<Row> {
  readonly applied: boolean;
  readonly row: Row | null;
}

export interface TickRead {
  readonly app: AppRow | null;
  readonly sessions: readonly SessionRow[];
  /**
   * True while the store may have forgotten writes (a Redis server that was replaced by its replica): it refuses takes and
   * evictions until those who hold leases have noticed. Always false in a store that forgets nothing.
   */
  readonly quiet: boolean;
  /** A take's token must be above this one; 0 in a store that forgets nothing. */
  readonly tokenFloor: number;
}

export interface FullRead extends TickRead {
  readonly shards: readonly ShardRow[];
}

/** What the rows of one store are keyed by. */
export interface LeaseStoreScope {
  readonly application: string;
  readonly stream: string;
}

export interface LeaseStore {
  /** Connects and creates what is missing. Called once, before anything else. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** No other instance can ever see these rows. Default: false. */
  readonly isAlone?: boolean;
  /**
   * All sessions are processes of one host: one whose process is gone is evicted at once. Default: false.
   */
  readonly isLocal?: boolean;
  /**
   * From now on, calls `onChange` soon after `rev` grew, also by writes of this store itself; until `close`. Best effort, and only for
   * speed: whoever uses it looks at intervals all the same.
   */
  watch?(onChange: () => void): void;

  /** The rows that every tick needs; `rev` tells whether the shard rows moved. */
  readTick(): Promise<TickRead>;
  readAll(): Promise<FullRead>;
  readSession(session: SessionId): Promise<SessionRow | null>;
  readShard(shardId: string): Promise<ShardRow | null>;

  /** Condition: the row is absent. The first one wins, the others get its row and adopt it. */
  createApp(row: Omit<AppRow, 'rev'>): Promise<WriteResult<AppRow>>;
  /** Condition: the row is absent. */
  createSession(row: SessionRow): Promise<WriteResult<SessionRow>>;
  /** Condition: live or draining, and the stored beat is lower. Sets the beat, the state and maxShards. */
  beat(write: {
    session: SessionId;
    beat: number;
    state: 'live' | 'draining';
    maxShards: number | null;
  }): Promise<WriteResult<SessionRow>>;
  /** Condition: not dead. Sets `ended`, which is final. */
  end(session: SessionId): Promise<WriteResult<SessionRow>>;
  /**
   * Condition: live or draining with exactly that beat; or, with `beat: null`, absent; and not quiet. Leaves a `dead` row; rev + 1.
   */
  evict(write: { session: SessionId; beat: number | null }): Promise<WriteResult<SessionRow>>;
  /** Condition: ended or dead. Removes the row; `applied` with `row: null`. */
  deleteSession(session: SessionId): Promise<WriteResult<SessionRow>>;

  /** Condition: the row is absent. Creates it free, with token 0; rev + 1. */
  createShard(write: NewShard): Promise<WriteResult<ShardRow>>;
  /**
   * Condition: `startsAt` is the seen one. The row stood for a shard of an earlier stream: sets `startsAt`, parents and
   * position, owner and handOffTo to null, and adds 1 to the token, so that no write of an owner counts any more; rev + 1.
   */
  replaceShard(write: NewShard & { readonly seenStartsAt: string }): Promise<WriteResult<ShardRow>>;
  /**
   * Condition: owner and token are the seen ones, the position is not SHARD_END, and the store is not quiet. Sets owner, token, and
   * clears handOffTo; rev + 1. `token` must be above the seen one, `tokenFloor` and every one this instance ever used on the shard. With
   * `salvage`, a take from one's own old session writes that position too, unless it lies before the stored one.
   */
  take(write: {
    shardId: string;
    seenOwner: SessionId | null;
    seenToken: number;
    me: SessionId;
    token: number;
    salvage: Position | null;
  }): Promise<WriteResult<ShardRow>>;
  /** Condition: owner, token and handOffTo are the seen ones and the position is not SHARD_END. rev + 1. */
  mark(write: {
    shardId: string;
    seenOwner: SessionId | null;
    seenToken: number;
    seenHandOffTo: SessionId | null;
    handOffTo: SessionId | null;
  }): Promise<WriteResult<ShardRow>>;
  /** Condition: owner and token are mine and the stored position is not past `position`. */
  checkpoint(write: OwnerWrite): Promise<WriteResult<ShardRow>>;
  /** Condition: as checkpoint. Also sets owner to null; handOffTo stays as a reservation; rev + 1. */
  release(write: OwnerWrite): Promise<WriteResult<ShardRow>>;
  /** Condition: owner and token are mine. Sets SHARD_END, owner null, handOffTo null; rev + 1. */
  finish(write: Omit<OwnerWrite, 'position'>): Promise<WriteResult<ShardRow>>;
  /** Condition: at SHARD_END and without an owner. Removes the row; `applied` with `row: null`. */
  deleteShard(shardId: string): Promise<WriteResult<ShardRow>>;
}

export interface NewShard {
  readonly shardId: string;
  readonly startsAt: string;
  readonly parents: readonly string[];
  readonly position: Position;
}

export interface OwnerWrite {
  readonly shardId: string;
  readonly me: SessionId;
  readonly token: number;
  readonly position: Position;
}

/** Thrown by a lease store. `outcome` says whether the write may have been applied. */
export class LeaseStoreError extends ShardpoolError {
  readonly outcome: 'unknown' | 'not-applied';

  constructor(
    outcome: 'unknown' | 'not-applied',
    message: string,
    options: { cause?: unknown; retryable?: boolean } = {},
  ) {
    super('ERR_LEASE_STORE', message, options);
    this.outcome = outcome;
  }
}
