// Where a shard reader puts what it read: written by the fetching stage, kept by the delivering one.

import type { EndReason } from './shard.ts';

/** One reader, one sink. */
export interface PageSink {
  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    sequenceNumber: string,
    subSequenceNumber: number,
    arrivalTime: number,
    aggregated: boolean,
    /** Bits of codec/record-marks.ts. Default: 0, nothing special. */
    marks?: number,
  ): void;
  beginPage(lagMs: number): void;
  /** The page is complete: settles what was reserved for it, sends what is due, and returns the units that it took. */
  endPage(reservedUnits: number): number;
  /**
   * Sends everything that was added so far, whatever the window and `maxWaitMs` say: what comes next may end the thread.
   * Bounded by the page, since no other one is fetched before the window opens.
   */
  flush(): void;
  /** True while another page may be fetched. */
  hasRoom(): boolean;
  /** Resolves when `hasRoom` is true or the outbox was closed. */
  whenRoom(): Promise<void>;
  /** Sends the rest, then the end marker behind it. */
  finish(reason: EndReason): void;
  /** Drops what was not sent and sends the end marker; it will be fetched again by whoever reads the shard next. */
  close(reason: EndReason): void;
}
