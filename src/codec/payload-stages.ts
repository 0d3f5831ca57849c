// What happens to the data of a user record in the fetch thread, between its aggregate and the sink.

import { ShardpoolError } from '../model/errors.ts';
import { type Inflate, isTooLarge } from './compression.ts';
import type { SplitSink, TransformInfo } from './processor.ts';
import { undecodableMark, undecodableReason } from './record-marks.ts';

/** Inflated, or the mark of a record that does not inflate. */
export function inflated(inflate: Inflate, data: Uint8Array): Uint8Array | number {
  try {
    return inflate(data);
  } catch (error) {
    return undecodableMark(isTooLarge(error) ? 'inflated-too-large' : 'not-inflated');
  }
}

/** One for all records of a processor, which says where to before each of them: a closure a record would cost more. */
abstract class Stage implements SplitSink {
  protected next!: SplitSink;
  protected sequenceNumber = '';

  into(next: SplitSink, sequenceNumber: string): SplitSink {
    this.next = next;
    this.sequenceNumber = sequenceNumber;
    return this;
  }

  add(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    subSequenceNumber: number,
    aggregated: boolean,
    marks = 0,
  ): void {
    // What could not be taken apart goes on as it is.
    const changed =
      undecodableReason(marks) === null
        ? this.change(data, partitionKey, explicitHashKey, subSequenceNumber)
        : data;
    if (typeof changed === 'number') {
      this.next.add(data, partitionKey, explicitHashKey, subSequenceNumber, aggregated, marks | changed);
    } else {
      this.next.add(changed, partitionKey, explicitHashKey, subSequenceNumber, aggregated, marks);
    }
  }

  /** The new data, or the mark of a record that keeps its own. */
  protected abstract change(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    subSequenceNumber: number,
  ): Uint8Array | number;
}

export class InflateStage extends Stage {
  readonly #inflate: Inflate;

  constructor(inflate: Inflate) {
    super();
    this.#inflate = inflate;
  }

  protected change(data: Uint8Array): Uint8Array | number {
    return inflated(this.#inflate, data);
  }
}

export type Transform = (data: Uint8Array, info: TransformInfo) => unknown;

const TRANSFORM_FAILED = undecodableMark('transform-failed');

export class TransformStage extends Stage {
  readonly #processor: string;
  readonly #transform: Transform;

  constructor(processor: string, transform: Transform) {
    super();
    this.#processor = processor;
    this.#transform = transform;
  }

  protected change(
    data: Uint8Array,
    partitionKey: string,
    explicitHashKey: string | null,
    subSequenceNumber: number,
  ): Uint8Array | number {
    const { sequenceNumber } = this;
    let result: unknown;
    try {
      result = this.#transform(data, { partitionKey, explicitHashKey, sequenceNumber, subSequenceNumber });
    } catch {
      return TRANSFORM_FAILED;
    }
    if (result instanceof Uint8Array) return result;
    if (isPromise(result)) throw asyncTransform(this.#processor);
    return TRANSFORM_FAILED;
  }
}

function isPromise(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('then' in value)) return false;
  // Nobody waits for it any more, and a rejection would end the thread before the error is said.
  Promise.resolve(value).catch(() => undefined);
  return true;
}

export function asyncTransform(processor: string): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_PROCESSOR',
    `The processor '${processor}' has an async \`transform\`; it must return its bytes at once, not a promise`,
  );
}
