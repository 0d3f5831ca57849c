// Reads the body of a reply to its end.

import { Readable } from 'node:stream';
import { KinesisError } from './errors.ts';

/** Rejects with the stream's error, or with a `transient` KinesisError when it closes before its end. */
export function readBody(body: unknown): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (!(body instanceof Readable)) {
      reject(new TypeError(`Expected a stream as the body of a reply, got ${typeof body}`));
      return;
    }
    const chunks: Buffer[] = [];
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    body.on('error', reject);
    body.once('close', () =>
      reject(new KinesisError('transient', 'The connection closed in the middle of a reply')),
    );
  });
}
