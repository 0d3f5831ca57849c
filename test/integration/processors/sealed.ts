// Lines of JSON that were shifted by a number: `transform` shifts them back in the fetch thread. Says where it ran.

import { isMainThread } from 'node:worker_threads';
import type { TransformInfo } from '../../../src/codec/processor.ts';

export default class Sealed {
  readonly name = 'sealed';
  readonly aggregator = 'lines';
  readonly compression = 'gzip';
  readonly #shift: number;

  constructor({ shift }: { readonly shift: number }) {
    this.#shift = shift;
  }

  transform(data: Uint8Array, info: TransformInfo): Uint8Array {
    const json = Buffer.from(data.map((byte) => byte - this.#shift)).toString();
    const { subSequenceNumber, partitionKey, sequenceNumber } = info;
    const opened: unknown = JSON.parse(json);
    return Buffer.from(
      JSON.stringify({ opened, subSequenceNumber, partitionKey, sequenceNumber, inMain: isMainThread }),
    );
  }

  deserialize(data: Uint8Array): unknown {
    return JSON.parse(Buffer.from(data).toString());
  }
}
