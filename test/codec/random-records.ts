// Random aggregates of every format, whole, cut and damaged, for property tests.

import { deflateSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import { integerFrom, oneOf, type Random } from '../fakes/random.ts';
import { frame, message } from './aggregate.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });

export interface RandomRecord {
  /** Of Kinesis. */
  readonly data: Buffer;
  /** The data of its user records. */
  readonly parts: readonly Buffer[];
}

export const FORMATS = ['lines', 'netstring', 'list', 'kpl', 'compressed lines'] as const;
export type Format = (typeof FORMATS)[number];

export function randomRecord(
  random: Random,
  format: Format,
  count = integerFrom(random, 0, 8),
): RandomRecord {
  const values = Array.from({ length: count }, () => randomValue(random));
  const packed = format === 'netstring' || format === 'kpl';
  const parts = values.map((value) => (packed ? packr.pack(value) : Buffer.from(JSON.stringify(value))));
  return { data: written(random, format, parts), parts };
}

function written(random: Random, format: Format, parts: readonly Buffer[]): Buffer {
  switch (format) {
    case 'lines':
      return lines(random, parts);
    case 'compressed lines':
      return deflateSync(lines(random, parts), { level: 1 });
    case 'netstring':
      return Buffer.concat(parts.flatMap((part) => [Buffer.from(`${part.length}:`), part, Buffer.from(',')]));
    case 'list':
      return Buffer.from(`[${parts.map(String).join(oneOf(random, [',', ', ', ' ,\n']))}]`);
    case 'kpl':
      return frame(aggregated(random, parts));
    default:
      throw format satisfies never;
  }
}

function lines(random: Random, parts: readonly Buffer[]): Buffer {
  const end = oneOf(random, ['\n', '\r\n', '\n\n']);
  const text = parts.map(String).join(end);
  return Buffer.from(random() < 0.5 ? text : text + end);
}

function aggregated(random: Random, parts: readonly Buffer[]): Buffer {
  const keys = Array.from({ length: integerFrom(random, 1, 3) }, (_, i) => `key-${i}`);
  return message({
    keys,
    hashKeys: ['7'],
    records: parts.map((data) => ({
      data,
      key: integerFrom(random, 0, keys.length),
      ...(random() < 0.3 ? { hashKey: integerFrom(random, 0, 1) } : {}),
    })),
  });
}

function randomValue(random: Random, depth = 0): unknown {
  switch (integerFrom(random, 0, depth < 2 ? 6 : 4)) {
    case 0:
      return null;
    case 1:
      return integerFrom(random, -1000, 1000);
    case 2:
      return random();
    case 3:
      return oneOf(random, ['', 'a', '"],[{', '\\', 'é鍵🔑', '\n:,', 'x'.repeat(40)]);
    case 4:
      return random() < 0.5;
    case 5:
      return Array.from({ length: integerFrom(random, 0, 3) }, () => randomValue(random, depth + 1));
    default:
      return { a: randomValue(random, depth + 1), 'é"': randomValue(random, depth + 1) };
  }
}

export type Damage = 'cut' | 'changed' | 'inserted' | 'garbage' | 'inside';

/** Differs from what it was, most of the time. `inside` keeps the frame of a KPL aggregate right around damaged protobuf. */
export function damaged(random: Random, data: Buffer, format: Format): { data: Buffer; damage: Damage } {
  const damage = oneOf<Damage>(random, ['cut', 'changed', 'inserted', 'garbage', 'inside']);
  switch (damage) {
    case 'cut':
      return { damage, data: data.subarray(0, integerFrom(random, 0, Math.max(0, data.length - 1))) };
    case 'changed':
      return { damage, data: changed(random, data) };
    case 'inserted': {
      const at = integerFrom(random, 0, data.length);
      return { damage, data: Buffer.concat([data.subarray(0, at), noise(random, 4), data.subarray(at)]) };
    }
    case 'garbage':
      return { damage, data: noise(random, 60) };
    case 'inside':
      return {
        damage,
        data: format === 'kpl' ? frame(changed(random, data.subarray(4, -16))) : changed(random, data),
      };
    default:
      throw damage satisfies never;
  }
}

function changed(random: Random, data: Buffer): Buffer {
  const copy = Buffer.from(data);
  for (let n = integerFrom(random, 1, 3); n > 0 && copy.length > 0; n -= 1) {
    copy[integerFrom(random, 0, copy.length - 1)] = integerFrom(random, 0, 255);
  }
  return copy;
}

function noise(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: integerFrom(random, 1, most) }, () => integerFrom(random, 0, 255)));
}
