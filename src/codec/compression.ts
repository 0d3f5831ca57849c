// Inflating in the fetch thread, bounded: a record of 1 MiB can hold a thousand times as much.

import * as zlib from 'node:zlib';
import type { CompressionName } from './processor-options.ts';

/** Throws where the bytes do not inflate; `isTooLarge` tells apart those that inflate to too much. */
export type Inflate = (data: Uint8Array) => Uint8Array;

type Decompress = (data: Uint8Array, options: { chunkSize: number; maxOutputLength: number }) => Uint8Array;

/** Node 20 has none. */
const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: Decompress };

/** Memory is taken in pieces of this size: a usual ratio fits into one, and small records share the pool of Buffer. */
const USUAL_RATIO = 4;
const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 256 * 1024;

export function inflaterOf(name: CompressionName, maxInflatedBytes: number): Inflate {
  const bounded =
    (decompress: Decompress): Inflate =>
    (data) =>
      decompress(data, {
        chunkSize: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, data.length * USUAL_RATIO)),
        maxOutputLength: maxInflatedBytes,
      });
  switch (name) {
    case 'gzip':
      return bounded(zlib.gunzipSync);
    case 'deflate':
      return bounded(inflateAnyDeflate);
    case 'brotli':
      return bounded(zlib.brotliDecompressSync);
    case 'zstd':
      return bounded(unzstd);
    case 'auto':
      return inflateKnown({
        gzip: bounded(zlib.gunzipSync),
        zstd: bounded(unzstd),
        zlib: bounded(zlib.inflateSync),
      });
    default:
      throw name satisfies never;
  }
}

export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

const unzstd: Decompress = (data, options) => {
  if (zstdDecompressSync === undefined) throw new Error(`Node ${process.version} has no zstd`);
  return zstdDecompressSync(data, options);
};

/** "deflate" means with the zlib header (RFC 1950), as HTTP and Python have it; some mean without. */
const inflateAnyDeflate: Decompress = (data, options) =>
  hasZlibHeader(data) ? zlib.inflateSync(data, options) : zlib.inflateRawSync(data, options);

/** Deflate as method, and a checksum over the two bytes. */
function hasZlibHeader(data: Uint8Array): boolean {
  return data.length >= 2 && (data[0]! & 0x0f) === 8 && ((data[0]! << 8) | data[1]!) % 31 === 0;
}

/** By the first bytes. What has none of them is not compressed; brotli has no mark of its own. */
function inflateKnown(by: Record<'gzip' | 'zstd' | 'zlib', Inflate>): Inflate {
  return (data) => {
    if (data[0] === 0x1f && data[1] === 0x8b) return by.gzip(data);
    if (data[0] === 0x28 && data[1] === 0xb5 && data[2] === 0x2f && data[3] === 0xfd) return by.zstd(data);
    if (data[0] !== 0x78 || !hasZlibHeader(data)) return data;
    try {
      return by.zlib(data);
    } catch (error) {
      // Two bytes of the header are also the beginning of a text such as "x^2".
      if (isTooLarge(error)) throw error;
      return data;
    }
  };
}
