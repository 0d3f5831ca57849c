// What a splitting function gives, as plain data to compare.

import type { Frames, Processor, SplitSink } from '../../src/codec/processor.ts';
import { type UndecodableReason, undecodableReason } from '../../src/codec/record-marks.ts';

export interface Split {
  readonly data: Uint8Array;
  readonly text: string;
  readonly key: string;
  readonly hashKey: string | null;
  readonly sub: number;
  readonly aggregated: boolean;
  readonly marks: number;
  readonly reason: UndecodableReason | null;
}

export function collector(): { readonly found: Split[]; readonly sink: SplitSink } {
  const found: Split[] = [];
  const sink: SplitSink = {
    add: (data, key, hashKey, sub, aggregated, marks = 0) => {
      const text = Buffer.from(data).toString('latin1');
      found.push({ data, text, key, hashKey, sub, aggregated, marks, reason: undecodableReason(marks) });
    },
  };
  return { found, sink };
}

export function framesOf(frames: Frames, data: Uint8Array, maxRecords = 1_000_000): Split[] {
  const { found, sink } = collector();
  frames(data, 'outer', sink, maxRecords);
  return found;
}

export function splitBy(processor: Processor, data: Uint8Array): Split[] {
  const { found, sink } = collector();
  processor.split(data, 'outer', sink, '77');
  return found;
}

/** `text`, and the reason of one that is undecodable behind a `!`. */
export const texts = (found: readonly Split[]) =>
  found.map(({ text, reason }) => (reason === null ? text : `${text}!${reason}`));
