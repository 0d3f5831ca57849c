// Reads the body of a GetRecords reply to its end.

import { Readable } from 'node:stream';
import { DataTaker, type ReplyBody } from './data-taker.ts';
import { KinesisError } from './errors.ts';

/** Larger than any reply of AWS. */
const MOST_EXPECTED_BYTES = 32 * 2 ** 20;

/** Rejects with the stream's error, or with a `transient` KinesisError when it closes before its end. */
export function readBody(body: unknown): Promise<ReplyBody> {
  return new Promise((resolve, reject) => {
    if (!(body instanceof Readable)) {
      reject(new TypeError(`Expected a stream as the body of a reply, got ${typeof body}`));
      return;
    }
    const taker = new DataTaker(expectedBytes(body));
    body.on('data', (chunk: Buffer) => {
      try {
        taker.push(chunk);
      } catch (error) {
        body.destroy(error as Error);
      }
    });
    body.once('end', () => resolve(taker.end()));
    body.on('error', reject);
    body.once('close', () =>
      reject(new KinesisError('transient', 'The connection closed in the middle of a reply')),
    );
  });
}

/** By its header; 0 where it has none. */
function expectedBytes(body: Readable & { readonly headers?: Record<string, unknown> }): number {
  const length = Number(body.headers?.['content-length'] ?? 0);
  return length > 0 ? Math.min(length, MOST_EXPECTED_BYTES) : 0;
}
