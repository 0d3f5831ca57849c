// Takes the data of records out of the body of a GetRecords reply while it arrives, and decodes it into one slab.
//
// Data is nearly all of a body, and a page that is joined, made a text, parsed and then decoded is in memory five times. Here only the
// rest is kept as it came, some hundred bytes a record, with a 0 in place of each data; that is parsed as JSON, and so everything
// about the reply is still checked. What stands in Data and is not plain base64 is left in the rest as it is.

const QUOTE = '"';
const DATA_KEY = '"Data"';
/** Stands in the rest where data was taken out. */
export const DATA_TAKEN = 0;
const MARK = String(DATA_TAKEN).charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const PADDING = '='.charCodeAt(0);
/** What comes between the key and its value: more white space than this, and the value stays in the rest. */
const VALUE_WITHIN = 16;
/** The beginning of a key with its colon, at the end of a chunk. */
const CUT_KEY = /"(?:D(?:a(?:t(?:a(?:"\s*:?\s*)?)?)?)?)?$/;
const TO_VALUE = /\s*:\s*"/y;
const BASE64_CHARS = 4;
const BASE64_BYTES = 3;
/** Parts of a body have more or less data than the whole. */
const MARGIN = 1.1;
const MIN_REST_BYTES = 1024;

const NOTHING = Buffer.alloc(0);

/** A body that was read to its end. */
export interface ReplyBody {
  /** The JSON, with a number instead of data that was taken out. */
  readonly rest: Uint8Array;
  /** The data that was taken out, one after the other; its memory is its own. */
  readonly slab: Uint8Array;
  /** Where each of them ends. */
  readonly ends: readonly number[];
}

export class DataTaker {
  readonly #expectedBytes: number;
  #seenBytes = 0;
  #slab: Buffer = NOTHING;
  #used = 0;
  readonly #ends: number[] = [];
  #rest: Buffer = NOTHING;
  #restUsed = 0;
  /** The end of the last chunk, which does not say yet what it is. */
  #cut: Buffer = NOTHING;
  /** Inside of data: where it began in the slab. Null outside. */
  #dataFrom: number | null = null;

  /** `expectedBytes` of the whole body, 0 where it is not known. */
  constructor(expectedBytes: number) {
    this.#expectedBytes = expectedBytes;
  }

  push(bytes: Buffer): void {
    const chunk = this.#cut.length === 0 ? bytes : Buffer.concat([this.#cut, bytes]);
    this.#cut = NOTHING;
    // One character a byte, whatever the encoding: what is looked for here is ASCII.
    const text = chunk.toString('latin1');
    this.#makeRoom(chunk.length);
    this.#seenBytes += bytes.length;
    for (let at = 0; at < text.length; ) {
      at =
        this.#dataFrom === null
          ? this.#outside(chunk, text, at)
          : this.#inside(chunk, text, at, this.#dataFrom);
    }
  }

  end(): ReplyBody {
    this.#keep(this.#cut, 0, this.#cut.length);
    // A body that ends inside of data is no JSON without it.
    const rest = this.#rest.subarray(0, this.#restUsed);
    return { rest, slab: this.#exactSlab(), ends: this.#ends };
  }

  /** Returns where to go on. */
  #outside(chunk: Buffer, text: string, from: number): number {
    const key = text.indexOf(DATA_KEY, from);
    if (key === -1) return this.#keepUpToCut(chunk, text, from);
    TO_VALUE.lastIndex = key + DATA_KEY.length;
    const end = TO_VALUE.test(text) ? TO_VALUE.lastIndex : -1;
    if (end === -1) {
      if (text.length - key < DATA_KEY.length + VALUE_WITHIN) return this.#keepUpToCut(chunk, text, from);
      this.#keep(chunk, from, key + DATA_KEY.length);
      return key + DATA_KEY.length;
    }
    // Inside of a string, every quote has a backslash before it.
    const isKey = (key === 0 ? this.#rest[this.#restUsed - 1] : chunk[key - 1]) !== BACKSLASH;
    this.#keep(chunk, from, isKey ? end - 1 : end);
    if (isKey) this.#dataFrom = this.#used;
    return end;
  }

  #keepUpToCut(chunk: Buffer, text: string, from: number): number {
    const tail = Math.max(from, text.length - DATA_KEY.length - VALUE_WITHIN);
    const cut = CUT_KEY.exec(text.slice(tail));
    // The byte before it stays with it: a backslash would say that it is no key.
    const end = cut === null ? text.length : Math.max(from, tail + cut.index - 1);
    this.#keep(chunk, from, end);
    this.#cut = chunk.subarray(end);
    return text.length;
  }

  #inside(chunk: Buffer, text: string, from: number, dataFrom: number): number {
    const quote = text.indexOf(QUOTE, from);
    const isWhole = quote !== -1;
    // Data that goes on in the next chunk is decoded in whole groups of characters, all but the last one, which may have padding.
    const groups = Math.max(0, Math.floor((text.length - from) / BASE64_CHARS) - 1);
    const end = isWhole ? quote : from + groups * BASE64_CHARS;
    const length = isWhole ? decodedLength(text, from, end) : groups * BASE64_BYTES;
    // Node stops at, or skips, what is not base64: then fewer bytes than the length of the text says.
    if (
      Number.isNaN(length) ||
      this.#slab.write(text.slice(from, end), this.#used, length, 'base64') !== length
    ) {
      this.#leave(dataFrom);
      return from;
    }
    this.#used += length;
    if (!isWhole) {
      this.#cut = chunk.subarray(end);
      return text.length;
    }
    this.#ends.push(this.#used);
    this.#rest[this.#restUsed++] = MARK;
    this.#dataFrom = null;
    return quote + 1;
  }

  /** It is not base64, or not only: what was decoded of it becomes text again, as it was, and is left with the rest. */
  #leave(dataFrom: number): void {
    const text = Buffer.from(`"${this.#slab.toString('base64', dataFrom, this.#used)}`);
    this.#used = dataFrom;
    this.#dataFrom = null;
    this.#keep(text, 0, text.length);
  }

  #keep(source: Buffer, from: number, end: number): void {
    // One more for a mark.
    const needed = this.#restUsed + end - from + 1;
    if (needed > this.#rest.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(MIN_REST_BYTES, needed, 2 * this.#rest.length));
      this.#rest.copy(grown, 0, 0, this.#restUsed);
      this.#rest = grown;
    }
    source.copy(this.#rest, this.#restUsed, from, end);
    this.#restUsed += end - from;
  }

  /** For all data that a chunk of so many bytes can have; from the second chunk on for all of the body, by what was in it so far. */
  #makeRoom(chunkBytes: number): void {
    const needed = this.#used + Math.ceil((chunkBytes * BASE64_BYTES) / BASE64_CHARS);
    if (needed <= this.#slab.length) return;
    const inAll = Math.ceil((this.#used / Math.max(1, this.#seenBytes)) * this.#expectedBytes * MARGIN);
    const grown = Buffer.allocUnsafeSlow(
      Math.max(needed, this.#expectedBytes === 0 ? 2 * this.#used : inAll),
    );
    this.#slab.copy(grown, 0, 0, this.#used);
    this.#slab = grown;
  }

  #exactSlab(): Buffer {
    const unused = this.#slab.length - this.#used;
    if (unused * 4 <= this.#used) return this.#slab.subarray(0, this.#used);
    // Not from the pool of Buffer: the slab's memory is its own.
    const exact = Buffer.allocUnsafeSlow(this.#used);
    this.#slab.copy(exact, 0, 0, this.#used);
    return exact;
  }
}

/** Of base64 with or without its padding; NaN where no bytes have so many characters. */
export function decodedLength(base64: string, from: number, end: number): number {
  let length = end - from;
  if (length > 0 && base64.charCodeAt(end - 1) === PADDING) length -= 1;
  if (length > 0 && base64.charCodeAt(from + length - 1) === PADDING) length -= 1;
  if (length % BASE64_CHARS === 1) return Number.NaN;
  return Math.floor((length * BASE64_BYTES) / BASE64_CHARS);
}
