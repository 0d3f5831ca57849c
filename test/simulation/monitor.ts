// What must never happen, looked at while it happens. It knows the true time and every record.

import type { Lease } from '../../src/coordinator/lease-table.ts';
import type { SessionId, ShardRow } from '../../src/model/lease-store.ts';
import { isBefore, SHARD_END } from '../../src/model/position.ts';
import type { Write } from './rows.ts';
import type { SimShard, Stream } from './stream.ts';

export class Violation extends Error {}

/** An instance as the monitor sees it: without any effect on it. */
export interface Watched {
  readonly name: string;
  readonly isAlive: boolean;
  readonly session: SessionId;
  /** What may be delivered now, by its own clock. */
  mayDeliver(shardId: string): Lease | null;
  hasInHand(lease: { readonly shardId: string; readonly token: number }): boolean;
  /** Its fence is open. */
  readonly isValid: boolean;
}

export interface MonitorParts {
  readonly stream: Stream;
  readonly instances: () => Iterable<Watched>;
  readonly row: (shardId: string) => ShardRow | null;
  readonly onViolation: (violation: Violation) => void;
  readonly onDelivery: () => void;
}

interface Known {
  readonly shard: SimShard;
  /** Per record: some handler finished it. */
  readonly handled: boolean[];
  /** As many records from the first one on. */
  prefix: number;
  highestToken: number;
  tokenOf: SessionId;
  /** The lease under which deliveries have begun last. */
  begun: { readonly token: number; readonly session: SessionId };
  /** SHARD_END was stored, be it forgotten since. */
  wasDone: boolean;
}

export type Monitor = ReturnType<typeof createMonitor>;

export function createMonitor({ stream, instances, row, onViolation, onDelivery }: MonitorParts) {
  const shards = new Map<string, Known>();
  let forgets = false;

  const fail = (what: string) => onViolation(new Violation(what));

  const of = (shardId: string): Known => {
    let known = shards.get(shardId);
    if (known === undefined) {
      known = {
        shard: stream.shards.get(shardId)!,
        handled: [],
        prefix: 0,
        highestToken: 0,
        tokenOf: '',
        begun: { token: 0, session: '' },
        wasDone: false,
      };
      shards.set(shardId, known);
    }
    return known;
  };

  const isFinished = ({ shard, prefix }: Known) =>
    shard.closedAt !== Infinity && prefix === shard.positions.length;

  const owners = new Set<Write['name']>(['checkpoint', 'release', 'finish']);

  const lookAtTake = (known: Known, after: ShardRow) => {
    const { token, owner, shardId } = after;
    const isRepeated = token === known.highestToken && owner === known.tokenOf;
    if (token <= known.highestToken && !isRepeated)
      fail(`token ${token} of ${shardId} was used before: ${known.highestToken} by ${known.tokenOf}`);
    known.highestToken = token;
    known.tokenOf = owner!;
  };

  return {
    /** From now on the store may have forgotten what it said. */
    forget() {
      forgets = true;
    },
    prefix: (shardId: string) => of(shardId).prefix,
    isHandled: (shardId: string) => isFinished(of(shardId)),

    /** The row of a shard has changed. */
    stored(before: ShardRow | null, after: ShardRow | null, by: Write) {
      if (after === null) {
        const gone = of(before!.shardId);
        if (!isFinished(gone)) fail(`the row of ${before!.shardId} is gone, and the shard is not done`);
        // Who has an old listing may create it again, for a shard that has nothing to read any more.
        gone.highestToken = 0;
        gone.begun = { token: 0, session: '' };
        return;
      }
      const { shardId, position } = after;
      const known = of(shardId);
      if (before !== null && isBefore(position, before.position))
        fail(`the position of ${shardId} went back from ${before.position} to ${position}`);
      if (position === SHARD_END) {
        if (!isFinished(known)) fail(`SHARD_END of ${shardId} is stored before its last record is done`);
        known.wasDone = true;
      } else if (stream.countUpTo(known.shard, position) > known.prefix) {
        fail(`the stored position ${position} of ${shardId} passes records that nobody handled`);
      }
      if (by.name === 'take') lookAtTake(known, after);
      if (owners.has(by.name) && 'me' in Object(by.write)) {
        const { me, token } = by.write as { me: string; token: number };
        if (before?.owner !== me || before.token !== token)
          fail(
            `${by.name} of ${me} with token ${token} changed ${shardId}, which is of ${before?.owner} with ${before?.token}`,
          );
      }
    },

    /** A write is about to leave a process. */
    asked(who: Watched, by: Write) {
      if (!owners.has(by.name) && by.name !== 'take') return;
      const { me, shardId, token } = by.write as { me: SessionId; shardId: string; token: number };
      // What is in hand is finished first, or aborted.
      if (by.name === 'release' && who.hasInHand({ shardId, token }))
        fail(`${who.name} gives ${shardId} back with a batch of it in hand`);
      if (me !== who.session || !who.isValid)
        fail(`${who.name} asks for ${by.name} as ${me}, a session that is over`);
    },

    /** A lease began. */
    began(who: Watched, lease: Lease) {
      const { shardId, token } = lease;
      for (const other of instances()) {
        if (other === who || !other.isAlive) continue;
        const held = other.mayDeliver(shardId);
        if (held !== null)
          fail(
            `${who.name} begins ${shardId} with token ${token} while ${other.name} holds it with ${held.token}`,
          );
      }
    },

    /** A batch goes to a handler: the records number `from + 1` to `to`. */
    delivers(who: Watched, lease: Lease, from: number, to: number) {
      const { shardId, token, session } = lease;
      const known = of(shardId);
      onDelivery();
      if (token < known.begun.token || (token === known.begun.token && session !== known.begun.session))
        fail(
          `${who.name} delivers ${shardId} with token ${token} after ${known.begun.session} with ${known.begun.token}`,
        );
      known.begun = { token, session };
      if (from > known.prefix)
        fail(
          `${who.name} delivers ${shardId} from record ${from + 1} on, and only ${known.prefix} are handled`,
        );
      for (const parent of known.shard.parents) {
        if (!of(parent).wasDone) fail(`${who.name} delivers ${shardId} before its parent ${parent} is done`);
      }
      for (const other of instances()) {
        if (other === who || !other.isAlive) continue;
        const held = other.mayDeliver(shardId);
        if (held !== null)
          fail(
            `${who.name} delivers ${shardId} with token ${token} while ${other.name} holds it with ${held.token}`,
          );
      }
      if (to > known.shard.positions.length) fail(`${shardId} has no record ${to}`);
      if (!forgets && row(shardId)?.position === SHARD_END)
        fail(`${who.name} delivers ${shardId} after its end`);
    },

    handled(shardId: string, from: number, to: number) {
      const known = of(shardId);
      for (let i = from; i < to; i += 1) known.handled[i] = true;
      while (known.handled[known.prefix] === true) known.prefix += 1;
    },
  };
}
