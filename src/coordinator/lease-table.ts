// The shard leases of this instance and every write about them. docs/leases.md explains the conditions.
//
//   taking ──> running <──> draining ──> releasing ──> none
//                 └──────────────────────> releasing ──> done      any ──> lost
//
// A lease starts only through one's own acknowledged or read-back take, at the position of the returned row.

import {
  LeaseStoreError,
  type LeaseStore,
  type SessionId,
  type ShardRow,
  type WriteResult,
} from '../model/lease-store.ts';
import { isBefore, type Position, SHARD_END } from '../model/position.ts';
import type { LeaseState } from '../model/shard.ts';
import { delay, type Timers } from '../platform/timers.ts';

export interface Lease {
  readonly shardId: string;
  /** Of the row: tells the shard from one of the same id in an earlier stream. */
  readonly startsAt: string;
  readonly token: number;
  readonly session: SessionId;
  /** Of the fence, while that session lives. */
  readonly generation: number;
  /** Where the reading began under this lease. */
  readonly from: Position;
  state: LeaseState;
  /** Everything up to and including this is done. */
  acked: Position;
  /** What the store is known to hold. */
  stored: Position;
}

export interface LeaseTableParts {
  readonly store: Pick<LeaseStore, 'take' | 'checkpoint' | 'release' | 'finish' | 'readShard'>;
  readonly timers: Timers;
  readonly session: () => SessionId;
  readonly generation: () => number;
  /** The fence, looked at before every write. */
  readonly isValid: () => boolean;
  readonly onTaken: (lease: Lease) => void;
  /** SHARD_END is stored: the children may start. */
  readonly onDone: (lease: Lease) => void;
  /** It was handed off: another session may read from here. */
  readonly onGivenBack: (lease: Lease) => void;
  readonly onLost: (lease: Lease, cause: string) => void;
  readonly onError: (error: unknown) => void;
}

export interface LeaseTable {
  /** The leases that this instance holds or is taking, by shard. */
  readonly held: ReadonlyMap<string, Lease>;
  /** True when it is held afterwards. `tokenFloor` is what the store said beside the row. */
  take(row: ShardRow, tokenFloor: number): Promise<boolean>;
  /** Another session is to have it: nothing more is to be fetched of it. Null where it does not run. */
  handOff(shardId: string): Lease | null;
  /** It is not handed off after all. Null where it was not being handed off. */
  keep(shardId: string): Lease | null;
  /** Writes the last position of a lease that is handed off and gives it back, in one write. */
  giveBack(shardId: string, token: number): Promise<void>;
  /** A read disagreed with the lease: the row itself decides. */
  verify(shardId: string): Promise<void>;
  acked(shardId: string, token: number, upTo: Position): void;
  /** Writes every position that moved; resolves with the first failure, null without any. They are tried again next time. */
  flush(): Promise<Error | null>;
  /** Nothing more will be fetched; what is in flight is finished. */
  drain(): void;
  /** Writes the last position and gives the lease back, in one write. */
  releaseAll(): Promise<void>;
  /** The session is over: nothing of it counts any more, and nothing is written. */
  loseAll(cause: string): void;
  /** The row is another one now: the lease is lost, whatever a write would say. */
  lose(shardId: string, cause: string): void;
  /** Forgets what is kept about shards that are not held, not in the store and not in the stream any more. */
  retain(exists: (shardId: string) => boolean): void;
}

const RETRY_MS = 200;
const RELEASE_ATTEMPTS = 5;

export function createLeaseTable(parts: LeaseTableParts): LeaseTable {
  const { store } = parts;
  const held = new Map<string, Lease>();
  /** The highest token ever used here, per shard: a store that forgot its last writes must not see one twice. */
  const highestToken = new Map<string, number>();
  /** What a lost lease had acked: taking it again from the own old session may store that in the same write. */
  const salvage = new Map<string, Lease>();
  const finishing = new Set<Promise<void>>();
  /** A stop has begun, which does not wait for a store for ever. */
  let draining = false;

  const drop = (lease: Lease, state: LeaseState) => {
    lease.state = state;
    if (held.get(lease.shardId) === lease) held.delete(lease.shardId);
  };

  const lose = (lease: Lease, cause: string) => {
    // It had not begun: there is nothing to salvage, and nothing that anybody was told of.
    if (lease.state === 'taking') {
      drop(lease, 'none');
      return;
    }
    salvage.set(lease.shardId, lease);
    drop(lease, 'lost');
    parts.onLost(lease, cause);
  };

  const ownerWrite = (lease: Lease, position: Position) => ({
    shardId: lease.shardId,
    me: lease.session,
    token: lease.token,
    position,
  });

  /** A refused owner write: one's own duplicate, or the lease is gone. */
  const refused = (lease: Lease, row: ShardRow | null, what: string): boolean => {
    if (row?.owner === lease.session && row.token === lease.token) {
      lease.stored = row.position;
      return false;
    }
    lose(
      lease,
      `${what} was refused: the row is owned by ${row?.owner ?? 'nobody'} with token ${row?.token ?? 'none'}`,
    );
    return true;
  };

  const checkpoint = async (lease: Lease): Promise<Error | null> => {
    const position = lease.acked;
    if (position === SHARD_END || !parts.isValid()) return null;
    try {
      const { applied, row } = await store.checkpoint(ownerWrite(lease, position));
      // A finish or release that overtook it has said more than it would.
      if (lease.state !== 'running' && lease.state !== 'draining') return null;
      if (applied) lease.stored = position;
      else refused(lease, row, 'A checkpoint');
      return null;
    } catch (error) {
      // Written again at the next interval: writing the same position twice changes nothing.
      parts.onError(error);
      return error instanceof Error ? error : new Error(String(error));
    }
  };

  /** Repeats a write whose outcome is unknown until it is answered; null when the lease was lost meanwhile. */
  const untilAnswered = async (
    lease: Lease,
    write: () => Promise<WriteResult<ShardRow>>,
    attempts: number,
  ): Promise<WriteResult<ShardRow> | null> => {
    const isWorthwhile = (attempt: number) =>
      held.get(lease.shardId) === lease &&
      attempt <= (draining ? Math.min(attempts, RELEASE_ATTEMPTS) : attempts) &&
      parts.isValid();
    for (let attempt = 1; isWorthwhile(attempt); attempt += 1) {
      try {
        return await write();
      } catch (error) {
        parts.onError(error);
        await delay(parts.timers, RETRY_MS);
      }
    }
    return null;
  };

  const finishNow = async (lease: Lease) => {
    lease.state = 'releasing';
    const result = await untilAnswered(lease, () => store.finish(ownerWrite(lease, SHARD_END)), Infinity);
    // Null: the lease was lost, and that has been dealt with.
    if (result === null || held.get(lease.shardId) !== lease) return;
    // An own finish whose answer was lost is found done and without an owner.
    const done = result.applied || (result.row?.position === SHARD_END && result.row.token === lease.token);
    if (!done) {
      refused(lease, result.row, 'Finishing the shard');
      return;
    }
    lease.stored = SHARD_END;
    drop(lease, 'done');
    parts.onDone(lease);
  };

  const finish = (lease: Lease): Promise<void> => ending(finishNow(lease));

  const release = async (lease: Lease) => {
    lease.state = 'releasing';
    const result = await untilAnswered(
      lease,
      () => store.release(ownerWrite(lease, lease.acked)),
      RELEASE_ATTEMPTS,
    );
    if (result?.applied === true) lease.stored = lease.acked;
    drop(lease, 'none');
  };

  const giveBackNow = async (lease: Lease) => {
    lease.state = 'releasing';
    let attempts = 0;
    const write = () => {
      attempts += 1;
      return store.release(ownerWrite(lease, lease.acked));
    };
    const result = await untilAnswered(lease, write, Infinity);
    // Null: the lease was lost, or a stop cannot reach the store.
    if (result === null || held.get(lease.shardId) !== lease) return;
    const { applied, row } = result;
    if (applied) {
      lease.stored = lease.acked;
    } else if (row?.owner === lease.session && row.token === lease.token) {
      // Further than what is acked here: one's own duplicate, which came before.
      lease.acked = row.position;
      await giveBackNow(lease);
      return;
    } else if (attempts === 1) {
      // After an attempt without an answer this is what one's own release leaves behind.
      refused(lease, row, 'Giving the shard back');
      return;
    }
    drop(lease, 'none');
    parts.onGivenBack(lease);
  };

  /** A stop waits for these writes. */
  const ending = (write: Promise<void>): Promise<void> => {
    const finished = write.finally(() => finishing.delete(finished));
    finishing.add(finished);
    return finished;
  };

  return {
    held,
    async take(row, tokenFloor) {
      // A lease of a session that is over would never be handled, and never be taken again.
      if (!parts.isValid()) return false;
      const session = parts.session();
      const token = Math.max(row.token, highestToken.get(row.shardId) ?? 0, tokenFloor) + 1;
      highestToken.set(row.shardId, token);
      const lease: Lease = {
        shardId: row.shardId,
        startsAt: row.startsAt,
        token,
        session,
        generation: parts.generation(),
        from: row.position,
        state: 'taking',
        acked: row.position,
        stored: row.position,
      };
      held.set(row.shardId, lease);
      const old = salvage.get(row.shardId);
      const own = old !== undefined && old.session === row.owner && old.token === row.token;
      let taken: ShardRow | null;
      try {
        const { row: stored } = await store.take({
          shardId: row.shardId,
          seenOwner: row.owner,
          seenToken: row.token,
          me: session,
          token,
          // SHARD_END is written by `finish` only, which also gives the shard up.
          salvage: own && old.acked !== SHARD_END ? old.acked : null,
        });
        // Refused, and yet this very take: a client library sent it twice.
        taken = stored;
      } catch (error) {
        parts.onError(error);
        // Not applied, or nobody knows: only a row that names this very take makes it one.
        taken =
          error instanceof LeaseStoreError && error.outcome === 'not-applied'
            ? null
            : await store.readShard(row.shardId).catch(() => null);
      }
      if (held.get(row.shardId) !== lease) return false;
      const mine = taken?.owner === session && taken.token === token && session === parts.session();
      if (taken === null || !mine || !parts.isValid()) {
        drop(lease, 'none');
        return false;
      }
      salvage.delete(row.shardId);
      const started: Lease = {
        ...lease,
        startsAt: taken.startsAt,
        from: taken.position,
        acked: taken.position,
        stored: taken.position,
        state: 'running',
      };
      held.set(row.shardId, started);
      if (own && old.acked === SHARD_END) {
        started.acked = SHARD_END;
        finish(started).catch(parts.onError);
      } else {
        parts.onTaken(started);
      }
      return true;
    },
    handOff(shardId) {
      const lease = held.get(shardId);
      if (lease?.state !== 'running') return null;
      lease.state = 'draining';
      return lease;
    },
    keep(shardId) {
      const lease = held.get(shardId);
      if (lease?.state !== 'draining' || draining) return null;
      lease.state = 'running';
      return lease;
    },
    async giveBack(shardId, token) {
      const lease = held.get(shardId);
      if (lease?.state !== 'draining' || lease.token !== token) return;
      await ending(giveBackNow(lease));
    },
    async verify(shardId) {
      const lease = held.get(shardId);
      if (lease === undefined) return;
      const row = await store.readShard(shardId);
      // One that is being given back or finished learns from its own write.
      const isRead = lease.state === 'running' || lease.state === 'draining';
      if (held.get(shardId) !== lease || !isRead) return;
      if (row?.owner !== lease.session || row.token !== lease.token) refused(lease, row, 'Reading the row');
      // The store forgot a checkpoint: it is written again.
      else if (isBefore(row.position, lease.stored)) lease.stored = row.position;
    },
    acked(shardId, token, upTo) {
      const lease = held.get(shardId);
      if (lease === undefined || lease.token !== token || !isBefore(lease.acked, upTo)) return;
      if (lease.state !== 'running' && lease.state !== 'draining') return;
      lease.acked = upTo;
      if (upTo === SHARD_END) finish(lease).catch(parts.onError);
    },
    async flush() {
      const moved = [...held.values()].filter(
        (lease) =>
          isBefore(lease.stored, lease.acked) && (lease.state === 'running' || lease.state === 'draining'),
      );
      const failures = await Promise.all(moved.map(checkpoint));
      return failures.find((failure) => failure !== null) ?? null;
    },
    drain() {
      draining = true;
      for (const lease of held.values()) if (lease.state === 'running') lease.state = 'draining';
    },
    async releaseAll() {
      const own = [...held.values()].filter(({ state }) => state !== 'releasing').map(release);
      await Promise.all([...own, ...finishing]);
    },
    loseAll(cause) {
      for (const lease of held.values()) lose(lease, cause);
    },
    lose(shardId, cause) {
      const lease = held.get(shardId);
      if (lease !== undefined) lose(lease, cause);
    },
    retain(exists) {
      for (const map of [highestToken, salvage]) {
        for (const shardId of map.keys()) if (!held.has(shardId) && !exists(shardId)) map.delete(shardId);
      }
    },
  };
}
