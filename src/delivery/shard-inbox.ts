// What one receiver holds of one shard: its queue, its epochs, and the one handler call that goes on.
//
// A token is the right to the shard, an epoch one reader of it. A revoked epoch takes its queue along; of a reader
// that died, what was received stays valid and is handled before the next epoch begins.

import type { Position } from '../model/position.ts';
import type { EndReason } from '../model/shard.ts';
import type { BatchMessage, EpochRow, HostId } from '../protocol.ts';
import type { FetchSource } from './fetch-source.ts';

export type InboxItem =
  | {
      readonly type: 'batch';
      readonly epoch: number;
      readonly source: FetchSource;
      readonly message: BatchMessage;
    }
  | { readonly type: 'end'; readonly epoch: number; readonly reason: EndReason };

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
  readonly #rows = new Map<number, EpochRow>();
  #queue: InboxItem[] = [];
  #epoch = 0;
  #revoked = 0;
  /** The highest epoch whose reader has said that it ends, or whose thread is gone. */
  #ended = 0;
  #lease: { readonly token: number; readonly abort: AbortController } | null = null;

  /** False: it comes too late and must be released by the caller. */
  push(item: InboxItem): boolean {
    if (item.epoch < this.#epoch || item.epoch <= this.#revoked) return false;
    this.#epoch = item.epoch;
    if (item.type === 'end') this.#ended = Math.max(this.#ended, item.epoch);
    this.#queue.push(item);
    return true;
  }

  /** The coordinator's word about an epoch; it may come after the first batch. Returns what is dropped by it. */
  epochRow(row: EpochRow): InboxItem[] {
    if (row.host === null) return this.#revoke(row.epoch);
    this.#rows.set(row.epoch, row);
    this.#epoch = Math.max(this.#epoch, row.epoch);
    if (this.#lease?.token !== row.token) this.#lease = { token: row.token, abort: new AbortController() };
    return [];
  }

  /** The next item, with the lease under which it may be handled; null while there is none or its row is missing. */
  next(): { readonly item: InboxItem; readonly row: EpochRow; readonly signal: AbortSignal } | null {
    const item = this.#queue[0];
    if (item === undefined) return null;
    const row = this.#rows.get(item.epoch);
    if (row === undefined || this.#lease?.token !== row.token) return null;
    return { item, row, signal: this.#lease.abort.signal };
  }

  shift(): void {
    this.#queue.shift();
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
  }

  /** The thread of this epoch is gone: no end marker will come. */
  hostGone(host: HostId): void {
    for (const [epoch, row] of this.#rows) if (row.host === host) this.#ended = Math.max(this.#ended, epoch);
  }

  /** Nothing queued, nothing going on, and no reader that could still send. */
  get isDrained(): boolean {
    const reading = [...this.#rows.keys()].some((epoch) => epoch > this.#ended && epoch > this.#revoked);
    return this.#queue.length === 0 && !this.busy && !reading;
  }

  #revoke(epoch: number): InboxItem[] {
    this.#revoked = Math.max(this.#revoked, epoch);
    for (const known of this.#rows.keys()) if (known <= epoch) this.#rows.delete(known);
    const dropped = this.#queue.filter((item) => item.epoch <= epoch);
    this.#queue = this.#queue.filter((item) => item.epoch > epoch);
    this.#lease?.abort.abort();
    this.#lease = null;
    return dropped;
  }
}
