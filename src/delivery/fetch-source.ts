// One fetch thread as a receiver sees it: its data port, and what of it is held here.

import type { Port } from '../platform/port.ts';
import type { BatchMessage, FetcherToReceiver, HostId, ReceiverToFetcher, ShardIndex } from '../protocol.ts';

type AckRow = readonly [shard: ShardIndex, epoch: number, n: number];

export class FetchSource {
  readonly host: HostId;
  readonly port: Port<ReceiverToFetcher, FetcherToReceiver>;
  /** The port has closed: everything that the thread sent has arrived. */
  closed = false;
  /** The coordinator has said that the thread is gone. */
  gone = false;
  #released = new Map<string, { readonly shard: ShardIndex; readonly epoch: number; n: number }>();

  constructor(host: HostId, port: Port<ReceiverToFetcher, FetcherToReceiver>) {
    this.host = host;
    this.port = port;
  }

  released({ shard, epoch }: BatchMessage): void {
    const key = `${shard}:${epoch}`;
    const row = this.#released.get(key);
    if (row === undefined) this.#released.set(key, { shard, epoch, n: 1 });
    else row.n += 1;
  }

  /** How many batches of each reader were released since the last call. */
  takeReleased(): AckRow[] {
    if (this.#released.size === 0) return [];
    const rows = Array.from(this.#released.values(), ({ shard, epoch, n }) => [shard, epoch, n] as const);
    this.#released = new Map();
    return rows;
  }
}
