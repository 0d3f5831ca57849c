// Lists: every element of a JSON array is a user record. Only the ends of the elements are looked for; what is in them is
// parsed where `value` is used.

import type { Frames, SplitSink } from './processor.ts';
import { undecodableMark } from './record-marks.ts';
import { view } from './view.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const BROKEN = undecodableMark('broken-frame');
const TOO_MANY = undecodableMark('too-many-records');

/**
 * What is no list is one plain record. From where a list is cut, or from the element that exceeds `maxRecords`, everything
 * is one record; so is what follows behind the list.
 */
export const splitList: Frames = (data, partitionKey, sink, maxRecords) => {
  const end = data.length;
  const open = skipBlanks(data, 0, end);
  if (data[open] !== OPEN_LIST) {
    sink.add(data, partitionKey, null, 0, false);
    return;
  }
  const elements = new Elements(data, partitionKey, sink, maxRecords);
  let depth = 1;
  let start = open + 1;
  for (let at = start; at < end; at += 1) {
    switch (data[at]!) {
      case QUOTE:
        at = endOfString(data, at + 1, end);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        break;
      case COMMA:
        if (depth > 1) break;
        if (!elements.add(start, at)) return;
        start = at + 1;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT: {
        depth -= 1;
        if (depth > 0) break;
        if (data[at] === CLOSE_OBJECT) {
          elements.rest(start, BROKEN);
          return;
        }
        const isEmpty = elements.count === 0 && skipBlanks(data, start, at) === at;
        if (!isEmpty && !elements.add(start, at)) return;
        if (skipBlanks(data, at + 1, end) < end) elements.rest(at + 1, BROKEN);
        return;
      }
    }
  }
  elements.rest(start, BROKEN);
};

class Elements {
  count = 0;
  readonly #data: Uint8Array;
  readonly #partitionKey: string;
  readonly #sink: SplitSink;
  readonly #max: number;

  constructor(data: Uint8Array, partitionKey: string, sink: SplitSink, max: number) {
    this.#data = data;
    this.#partitionKey = partitionKey;
    this.#sink = sink;
    this.#max = max;
  }

  /** False when it was one too many, and taken together with all that follows. */
  add(from: number, to: number): boolean {
    if (this.count === this.#max) {
      this.rest(from, TOO_MANY);
      return false;
    }
    const start = skipBlanks(this.#data, from, to);
    let end = to;
    while (end > start && isBlank(this.#data[end - 1]!)) end -= 1;
    this.#sink.add(view(this.#data, start, end), this.#partitionKey, null, this.count, true);
    this.count += 1;
    return true;
  }

  rest(from: number, marks: number): void {
    const data = this.#data;
    this.#sink.add(view(data, from, data.length), this.#partitionKey, null, this.count, true, marks);
  }
}

/** Where the closing quote is; `end` for a string that has none. */
function endOfString(data: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    const byte = data[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at += 1;
  }
  return end;
}

function skipBlanks(data: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(data[at]!)) at += 1;
  return at;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
