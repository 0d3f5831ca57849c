// What one receiver holds of one shard: its queue, its epochs, and the one handler call that goes on.
//
// A token is the right to the shard, an epoch one reader of it. A revoked epoch takes its queue along; of a reader
// that died, what was received stays valid and is handled before the next epoch begins.

import type { Position } from '../model/position.ts';
import type { EndReason } from '../model/shard.ts';
import type { EpochRow, HostId } from '../protocol.ts';
import { type BatchItem, LeaseAcks } from './lease-acks.ts';

export type InboxItem =
  | BatchItem
  | { readonly type: 'end'; readonly epoch: number; readonly reason: EndReason };

interface HeldLease {
  readonly token: number;
  /** The lease is over, or a stop is forced. */
  readonly abort: AbortController;
  /** What fails is not tried again; aborted with `abort`, or by a drain before that. */
  readonly retries: AbortController;
  acks: LeaseAcks;
}

/** The last record that arrived of a shard, and from which thread. */
export interface LastReceived {
  readonly host: HostId;
  readonly epoch: number;
  readonly position: Position;
}

export class ShardInbox {
  lastReceived: LastReceived | null = null;
  /** True while a handler call or a hook of this shard goes on. */
  busy = false;
  /** Token of the lease whose `onShardStart` was called. */
  startedToken: number | null = null;
  /** The epoch whose first batch was handed out. */
  startedEpoch = 0;
  /** Another receiver gets the shard as soon as this one is not busy; null when none does. */
  yielding: number | null = null;
  /** Up to where the records of a lease were handed out and handled: a later reader may bring some of them again. */
  #handled: { readonly token: number; readonly upTo: Position } | null = null;
  readonly #rows = new Map<number, EpochRow>();
  #queue: InboxItem[] = [];
  #epoch = 0;
  #revoked = 0;
  /** The highest epoch that was given up for another receiver. */
  #yielded = 0;
  /** The highest epoch whose reader has said that it ends, or whose thread is gone. */
  #ended = 0;
  #lease: HeldLease | null = null;
  /** Of leases and epochs that are over: what was handled, and will not be acked any more. */
  #givenUp: BatchItem[] = [];

  /** False: it comes too late and must be released by the caller. */
  push(item: InboxItem): boolean {
    if (item.type === 'end') this.#ended = Math.max(this.#ended, item.epoch);
    // Whoever reads in a higher epoch began at or before what a lower one has still on its way.
    if (item.epoch < this.#epoch || item.epoch <= Math.max(this.#revoked, this.#yielded)) return false;
    this.#epoch = item.epoch;
    this.#queue.push(item);
    return true;
  }

  /** The coordinator's word about an epoch; it may come after the first batch. Returns what is dropped by it. */
  epochRow(row: EpochRow): InboxItem[] {
    if (row.host === null) return this.#revoke(row.epoch);
    if (row.epoch <= this.#yielded) return [];
    this.#rows.set(row.epoch, row);
    this.#epoch = Math.max(this.#epoch, row.epoch);
    if (this.#lease?.token !== row.token) {
      this.giveUpUnacked();
      const [abort, retries] = [new AbortController(), new AbortController()];
      this.#lease = { token: row.token, abort, retries, acks: new LeaseAcks() };
    }
    return [];
  }

  /** The next item, with the lease under which it may be handled; null while there is none or its row is missing. */
  next(): {
    readonly item: InboxItem;
    readonly row: EpochRow;
    readonly signal: AbortSignal;
    readonly retries: AbortSignal;
    readonly acks: LeaseAcks;
  } | null {
    const item = this.#queue[0];
    if (item === undefined) return null;
    const row = this.#rows.get(item.epoch);
    if (row === undefined || this.#lease?.token !== row.token) return null;
    const { abort, retries, acks } = this.#lease;
    return { item, row, signal: abort.signal, retries: retries.signal, acks };
  }

  shift(): void {
    this.#queue.shift();
  }

  /** Everything of the lease up to and including this was handled. */
  handled(token: number, upTo: Position): void {
    this.#handled = { token, upTo };
  }

  /** Null when nothing of that lease was handled here. */
  handledUpTo(token: number): Position | null {
    return this.#handled?.token === token ? this.#handled.upTo : null;
  }

  /** Gives up every epoch so far, but not what is in hand. Returns what is dropped. */
  yield(epoch: number): InboxItem[] {
    this.#yielded = Math.max(this.#yielded, epoch);
    this.yielding = epoch;
    this.drain();
    return this.#dropUpTo(epoch);
  }

  /** Nothing is in hand any more. */
  yielded(): void {
    this.yielding = null;
    this.giveUpUnacked();
    // It may come back under the same token, and begins anew then.
    this.#lease = null;
    for (const known of this.#rows.keys()) if (known <= this.#yielded) this.#rows.delete(known);
  }

  /** Still the lease under which the item was taken. */
  isCurrent(row: EpochRow): boolean {
    return row.epoch > this.#revoked && this.#lease?.token === row.token;
  }

  /** Everything queued, for the caller to release. */
  clear(): InboxItem[] {
    const dropped = this.#queue;
    this.#queue = [];
    return dropped;
  }

  abort(): void {
    this.#lease?.abort.abort();
    this.drain();
  }

  /** What fails from now on is given back instead of being tried again, and what waits to be tried again is so at once. */
  drain(): void {
    this.#lease?.retries.abort();
  }

  /** Of the lease that is held. */
  get acks(): LeaseAcks | null {
    return this.#lease?.acks ?? null;
  }

  /** What was handled and not acked will be read again: its acks come too late from now on. */
  giveUpUnacked(): void {
    if (this.#lease === null || this.#lease.acks.isEmpty) return;
    this.#givenUp.push(...this.#lease.acks.close());
    this.#lease.acks = new LeaseAcks();
    this.#handled = null;
  }

  /** What was given up since the last call, for the caller to give back to the budget. */
  takeGivenUp(): BatchItem[] {
    return this.#givenUp.splice(0);
  }

  /** The thread of this epoch is gone: no end marker will come. */
  hostGone(host: HostId): void {
    for (const [epoch, row] of this.#rows) if (row.host === host) this.#ended = Math.max(this.#ended, epoch);
  }

  /** Nothing queued, nothing going on, nothing that waits for acks, and no reader that could still send. */
  get isDrained(): boolean {
    const over = Math.max(this.#ended, this.#revoked, this.#yielded);
    const reading = [...this.#rows.keys()].some((epoch) => epoch > over);
    const unacked = this.#lease?.acks.isEmpty === false;
    return this.#queue.length === 0 && !this.busy && !unacked && !reading;
  }

  /** What a later epoch has brought stays: its port is not ordered with the one that this word came over. */
  #dropUpTo(epoch: number): InboxItem[] {
    const dropped = this.#queue.filter((item) => item.epoch <= epoch);
    this.#queue = this.#queue.filter((item) => item.epoch > epoch);
    return dropped;
  }

  #revoke(epoch: number): InboxItem[] {
    // Whoever waits for the shard has lost it: what comes next is another lease, which must not be given up for that one.
    if (this.yielding !== null && this.yielding <= epoch) this.yielding = null;
    this.#revoked = Math.max(this.#revoked, epoch);
    for (const known of this.#rows.keys()) if (known <= epoch) this.#rows.delete(known);
    const dropped = this.#dropUpTo(epoch);
    this.giveUpUnacked();
    this.abort();
    this.#lease = null;
    return dropped;
  }
}
