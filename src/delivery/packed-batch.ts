// A batch on the wire: one transferred ArrayBuffer of columns and payload, and a few joined strings.
//
//   Float64 arrival[n] | Uint32 offset[n+1] | Uint32 sub[n] | Uint32 keyEnd[n] | Uint32 seqRef[n] |
//   Uint32 ehkRef[n] (only when `ehks` is set) | Uint8 flags[n] | payload
//
// Cloning record objects instead costs ten times as much in the receiving thread, which is often the main one.

import { isAscii } from 'node:buffer';
import { sequencePosition } from '../model/position.ts';
import type { BatchMessage, ShardIndex } from '../protocol.ts';

/** The lowest bit of a flag; the others are the marks of the fetch thread. */
const FLAG_AGGREGATED = 1;
/** What a record costs beside its payload and its strings. */
export const RECORD_OVERHEAD_BYTES = 8 + 4 * 5 + 1;

/** Where records are larger, decoding them one by one costs next to nothing beside parsing them. */
const MAX_MEAN_BYTES_FOR_TEXT = 512;

/** A stretch of payload that lies in one piece in its source, so that many records need one copy. */
interface Run {
  source: Uint8Array;
  start: number;
  end: number;
}

/** Collects user records; `seal` packs them into a message. */
export class BatchBuilder {
  readonly #arrivals: number[] = [];
  readonly #ends: number[] = [];
  readonly #subs: number[] = [];
  readonly #keys: string[] = [];
  readonly #keyEnds: number[] = [];
  readonly #seqs: string[] = [];
  readonly #seqRefs: number[] = [];
  readonly #flags: number[] = [];
  readonly #runs: Run[] = [];
  #ehks: Map<string, number> | null = null;
  #ehkRefs: number[] | null = null;
  #payload = 0;
  #keyLength = 0;
  #seqLength = 0;

  get length(): number {
    return this.#ends.length;
  }

  get payloadBytes(): number {
    return this.#payload;
  }

  /** What the message will take of the budget, strings counted as one byte a character. */
  get costBytes(): number {
    return this.#payload + this.#keyLength + this.#seqLength + this.length * RECORD_OVERHEAD_BYTES;
  }

  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    sequenceNumber: string,
    subSequenceNumber: number,
    arrivalTime: number,
    aggregated: boolean,
    marks = 0,
  ): void {
    const index = this.#ends.length;
    this.#addPayload(data);
    this.#ends.push(this.#payload);
    this.#arrivals.push(arrivalTime);
    this.#subs.push(subSequenceNumber);
    this.#keyLength += partitionKey.length;
    this.#keys.push(partitionKey);
    this.#keyEnds.push(this.#keyLength);
    const seqs = this.#seqs;
    if (seqs.length === 0 || seqs[seqs.length - 1] !== sequenceNumber) {
      seqs.push(sequenceNumber);
      this.#seqLength += sequenceNumber.length + 1;
    }
    this.#seqRefs.push(seqs.length - 1);
    this.#flags.push(aggregated ? marks | FLAG_AGGREGATED : marks);
    if (explicitHashKey !== null) this.#addExplicitHashKey(index, explicitHashKey);
    else this.#ehkRefs?.push(0);
  }

  /** Not for an empty builder. */
  seal(shard: ShardIndex, epoch: number, units: number, lagMs: number | null): BatchMessage {
    const n = this.length;
    const words = this.#ehkRefs === null ? 4 * n + 1 : 5 * n + 1;
    const flagsAt = 8 * n + 4 * words;
    const payloadAt = flagsAt + n;
    const ab = new ArrayBuffer(payloadAt + this.#payload);
    const arrivals = new Float64Array(ab, 0, n);
    const columns = new Uint32Array(ab, 8 * n, words);
    const bytes = new Uint8Array(ab);
    const ends = this.#ends;
    const subs = this.#subs;
    const keyEnds = this.#keyEnds;
    const seqRefs = this.#seqRefs;
    for (let i = 0; i < n; i += 1) {
      arrivals[i] = this.#arrivals[i]!;
      columns[i + 1] = ends[i]!;
      columns[n + 1 + i] = subs[i]!;
      columns[2 * n + 1 + i] = keyEnds[i]!;
      columns[3 * n + 1 + i] = seqRefs[i]!;
      bytes[flagsAt + i] = this.#flags[i]!;
    }
    if (this.#ehkRefs !== null) columns.set(this.#ehkRefs, 4 * n + 1);
    let at = payloadAt;
    for (const { source, start, end } of this.#runs) {
      bytes.set(new Uint8Array(source.buffer, start, end - start), at);
      at += end - start;
    }
    return {
      type: 'batch',
      shard,
      epoch,
      n,
      bytes: this.#payload,
      units,
      lagMs,
      last: sequencePosition(this.#seqs[this.#seqs.length - 1]!, this.#subs[n - 1]!),
      ab,
      keys: this.#keys.join(''),
      seqs: this.#seqs.join(','),
      ehks: this.#ehks === null ? null : [...this.#ehks.keys()].join(','),
    };
  }

  #addPayload(data: Uint8Array): void {
    const start = data.byteOffset;
    const end = start + data.byteLength;
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.end === start && last.source.buffer === data.buffer) last.end = end;
    else this.#runs.push({ source: data, start, end });
    this.#payload += data.byteLength;
  }

  #addExplicitHashKey(index: number, explicitHashKey: string): void {
    this.#ehks ??= new Map();
    this.#ehkRefs ??= Array.from<number>({ length: index }).fill(0);
    let ref = this.#ehks.get(explicitHashKey);
    if (ref === undefined) {
      ref = this.#ehks.size + 1;
      this.#ehks.set(explicitHashKey, ref);
    }
    this.#ehkRefs.push(ref);
  }
}

/** The columns of a received message, unpacked on demand. */
export class PackedColumns {
  readonly length: number;
  readonly payloadBytes: number;
  readonly #ab: ArrayBuffer;
  readonly #arrivals: Float64Array;
  readonly #columns: Uint32Array;
  readonly #flagsAt: number;
  readonly #payloadAt: number;
  readonly #strings: Pick<BatchMessage, 'keys' | 'seqs' | 'ehks'>;
  #seqs: string[] | null = null;
  #ehks: string[] | null = null;
  #flags: Uint8Array | null = null;
  /** All data as one text; null once it is known to be none or used up. */
  #text: string | null | undefined;
  #textUses = 0;

  constructor(message: BatchMessage) {
    const { n, ab } = message;
    const words = message.ehks === null ? 4 * n + 1 : 5 * n + 1;
    this.length = n;
    this.payloadBytes = message.bytes;
    this.#ab = ab;
    this.#arrivals = new Float64Array(ab, 0, n);
    this.#columns = new Uint32Array(ab, 8 * n, words);
    this.#flagsAt = 8 * n + 4 * words;
    this.#payloadAt = this.#flagsAt + n;
    this.#strings = message;
  }

  data(i: number): Buffer {
    const start = this.#columns[i]!;
    return Buffer.from(this.#ab, this.#payloadAt + start, this.#columns[i + 1]! - start);
  }

  /**
   * The data as a text cut out of that of all records, which decodes them at a fraction of the cost; null where it is not
   * ASCII, where that does not pay, and once every record has had its turn: the text need not live as long as the batch.
   */
  asciiText(i: number): string | null {
    if (this.#text === undefined) this.#text = this.#allText();
    const text = this.#text;
    if (text === null) return null;
    this.#textUses += 1;
    if (this.#textUses === this.length) this.#text = null;
    return text.slice(this.#columns[i], this.#columns[i + 1]);
  }

  #allText(): string | null {
    if (this.length < 2 || this.payloadBytes > this.length * MAX_MEAN_BYTES_FOR_TEXT) return null;
    const all = Buffer.from(this.#ab, this.#payloadAt, this.payloadBytes);
    return isAscii(all) ? all.toString('latin1') : null;
  }

  arrivalMs(i: number): number {
    return this.#arrivals[i]!;
  }

  subSequenceNumber(i: number): number {
    return this.#columns[this.length + 1 + i]!;
  }

  partitionKey(i: number): string {
    const ends = 2 * this.length + 1;
    return this.#strings.keys.slice(i === 0 ? 0 : this.#columns[ends + i - 1], this.#columns[ends + i]);
  }

  sequenceNumber(i: number): string {
    this.#seqs ??= this.#strings.seqs.split(',');
    return this.#seqs[this.#columns[3 * this.length + 1 + i]!]!;
  }

  explicitHashKey(i: number): string | null {
    if (this.#strings.ehks === null) return null;
    this.#ehks ??= this.#strings.ehks.split(',');
    const ref = this.#columns[4 * this.length + 1 + i]!;
    return ref === 0 ? null : this.#ehks[ref - 1]!;
  }

  aggregated(i: number): boolean {
    return (this.#flag(i) & FLAG_AGGREGATED) !== 0;
  }

  /** Bits of codec/record-marks.ts. */
  marks(i: number): number {
    return this.#flag(i) & ~FLAG_AGGREGATED;
  }

  #flag(i: number): number {
    return (this.#flags ??= new Uint8Array(this.#ab, this.#flagsAt, this.length))[i]!;
  }
}
