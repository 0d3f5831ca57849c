// Puts a processor together:
//
//   Kinesis record ─> KPL aggregate ─> inflate ─> lines, netstrings, list ─> transform   in the fetch thread
//                                                                 └─> deserialize        in the handler's
//
// Compression is that of a user record where there are KPL aggregates, and of the whole Kinesis record where there are none.

import type { ShardpoolError } from '../model/errors.ts';
import { type Inflate, inflaterOf } from './compression.ts';
import { type Deserializer, undecodable, undecodableOnThrow } from './deserializers.ts';
import { splitKpl } from './kpl.ts';
import { splitLines } from './lines.ts';
import { splitList } from './list.ts';
import { splitNetstrings } from './netstring.ts';
import { InflateStage, inflated, type Transform, TransformStage } from './payload-stages.ts';
import type { Frames, Processor, TransformInfo } from './processor.ts';
import type { AggregatorName, PayloadOptions } from './processor-options.ts';
import type { UndecodableReason } from './record-marks.ts';

export interface ProcessorParts {
  readonly name: string;
  /** By name, or the `split` of a module. */
  readonly aggregator: AggregatorName | Frames;
  readonly payload: PayloadOptions;
  /** Null: none. */
  readonly transform: Transform | null;
  readonly deserializer: Deserializer;
}

export function assembleProcessor(parts: ProcessorParts): Processor {
  const { name, payload, deserializer } = parts;
  const { compression, maxInflatedBytes } = payload;
  const inflate = compression === null ? null : inflaterOf(compression, maxInflatedBytes);
  const { fromBytes, fromText } = deserializer;
  return {
    name,
    hasInnerKeys: parts.aggregator === 'kpl',
    split: withTransform(splitOf(parts, inflate), parts),
    deserialize: undecodableOnThrow(name, fromBytes),
    deserializeText: fromText === null ? null : undecodableOnThrow(name, fromText),
    undecodable: (reason, data, info) => undecodableFrom(reason, parts, inflate, data, info),
  };
}

type Split = Processor['split'];

const splitPlain: Frames = (data, partitionKey, sink) => sink.add(data, partitionKey, null, 0, false);

function framesOf(aggregator: AggregatorName): Frames {
  switch (aggregator) {
    case 'plain':
      return splitPlain;
    case 'kpl':
      return splitKpl;
    case 'lines':
      return splitLines;
    case 'netstring':
      return splitNetstrings;
    case 'list':
      return splitList;
    default:
      throw aggregator satisfies never;
  }
}

function splitOf({ aggregator, payload }: ProcessorParts, inflate: Inflate | null): Split {
  const frames = typeof aggregator === 'function' ? aggregator : framesOf(aggregator);
  const max = payload.maxRecordsPerAggregate;
  if (inflate === null) return (data, partitionKey, sink) => frames(data, partitionKey, sink, max);
  if (aggregator === 'kpl') {
    const stage = new InflateStage(inflate);
    return (data, partitionKey, sink, sequenceNumber) =>
      frames(data, partitionKey, stage.into(sink, sequenceNumber), max);
  }
  return (data, partitionKey, sink) => {
    const inner = inflated(inflate, data);
    if (typeof inner === 'number') sink.add(data, partitionKey, null, 0, false, inner);
    else frames(inner, partitionKey, sink, max);
  };
}

function withTransform(split: Split, { name, transform }: ProcessorParts): Split {
  if (transform === null) return split;
  const stage = new TransformStage(name, transform);
  return (data, partitionKey, sink, sequenceNumber) =>
    split(data, partitionKey, stage.into(sink, sequenceNumber), sequenceNumber);
}

function undecodableFrom(
  reason: UndecodableReason,
  { name, payload, transform }: ProcessorParts,
  inflate: Inflate | null,
  data: Uint8Array,
  info: TransformInfo,
): ShardpoolError {
  switch (reason) {
    case 'broken-frame':
      return undecodable(name, 'the frames of its aggregate break off here; `data` has the rest');
    case 'too-many-records':
      return undecodable(
        name,
        `its aggregate has more than \`maxRecordsPerAggregate\` (${payload.maxRecordsPerAggregate}) user records; ` +
          '`data` has the rest',
      );
    case 'inflated-too-large':
      return undecodable(name, `it inflates to more than \`maxInflatedBytes\` (${payload.maxInflatedBytes})`);
    case 'not-inflated':
      return again(name, 'it does not inflate', () => inflate?.(data));
    case 'transform-failed':
      return again(name, '`transform` failed', () => {
        const result = transform?.(data, info);
        if (!(result instanceof Uint8Array)) throw new TypeError('it returned no Uint8Array');
      });
    default:
      throw reason satisfies never;
  }
}

/** The mark that crossed the port says what failed but not why: doing it once more does. */
function again(name: string, what: string, run: () => unknown): ShardpoolError {
  try {
    run();
  } catch (cause) {
    return undecodable(name, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  return undecodable(name, `${what} in the fetch thread, though not when it was tried again`);
}
