// Lines: every line of a Kinesis record is a user record.

import type { Frames } from './processor.ts';
import { undecodableMark } from './record-marks.ts';
import { view } from './view.ts';

const LF = 10;
const CR = 13;

const TOO_MANY = undecodableMark('too-many-records');

/** `\n` or `\r\n` ends a line, the last one need not have it; empty lines are none. What exceeds `maxRecords` is one record. */
export const splitLines: Frames = (data, partitionKey, sink, maxRecords) => {
  const end = data.length;
  let index = 0;
  for (let start = 0, next = 0; start < end; start = next + 1) {
    const found = data.indexOf(LF, start);
    next = found === -1 ? end : found;
    const lineEnd = next > start && data[next - 1] === CR ? next - 1 : next;
    if (lineEnd === start) continue;
    if (index === maxRecords) {
      sink.add(view(data, start, end), partitionKey, null, index, true, TOO_MANY);
      return;
    }
    sink.add(view(data, start, lineEnd), partitionKey, null, index, true);
    index += 1;
  }
};
