// Netstrings: `<decimal length>:<bytes>,` one after the other, as async-kinesis frames msgpack.

import type { Frames } from './processor.ts';
import { undecodableMark } from './record-marks.ts';
import { view } from './view.ts';

const ZERO = 0x30;
const COLON = 0x3a;
const COMMA = 0x2c;
/** More than any record has bytes, and far from where numbers lose their last digit. */
const MAX_DIGITS = 10;

const BROKEN = undecodableMark('broken-frame');
const TOO_MANY = undecodableMark('too-many-records');

/** From a frame that is none on, or from the one that exceeds `maxRecords`, everything is one record. */
export const splitNetstrings: Frames = (data, partitionKey, sink, maxRecords) => {
  const end = data.length;
  for (let at = 0, index = 0; at < end; index += 1) {
    let colon = at;
    let length = 0;
    for (; colon < end && colon - at <= MAX_DIGITS; colon += 1) {
      const digit = data[colon]! - ZERO;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const start = colon + 1;
    const comma = start + length;
    const isFrame = colon > at && data[colon] === COLON && data[comma] === COMMA;
    if (!isFrame || index === maxRecords) {
      sink.add(view(data, at, end), partitionKey, null, index, true, isFrame ? TOO_MANY : BROKEN);
      return;
    }
    sink.add(view(data, start, comma), partitionKey, null, index, true);
    at = comma + 1;
  }
};
