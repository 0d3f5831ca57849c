// Processors that users bring along as a module.

import { ShardpoolError } from '../model/errors.ts';
import { assembleProcessor } from './assemble-processor.ts';
import { type Deserializer, deserializerOf } from './deserializers.ts';
import { asyncTransform, type Transform } from './payload-stages.ts';
import type { Frames, Processor, UserProcessor, UserRecordSink } from './processor.ts';
import { AGGREGATORS, type AggregatorName, payloadOptions, SERIALIZERS } from './processor-options.ts';
import { undecodableMark } from './record-marks.ts';

type Options = Readonly<Record<string, unknown>>;

/**
 * Imports `module` (a URL, or the name of a package) and takes, in this order: its function `createProcessor(options)`; its
 * default export as a class, constructed with the options; as a function of the options; as the processor itself.
 * Functions may be async. Rejects with ERR_INVALID_PROCESSOR.
 */
export async function moduleProcessor(module: string, options: Options): Promise<Processor> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(module)) as Record<string, unknown>;
  } catch (cause) {
    throw invalid(module, `cannot be imported: ${messageOf(cause)}`, cause);
  }
  const made = await make(module, exported, options);
  if (typeof made !== 'object' || made === null) throw invalid(module, 'has no function `deserialize`');
  const user = made as Fields;
  const name = typeof user.name === 'string' && user.name !== '' ? user.name : module;
  return assembleProcessor({
    name,
    aggregator: aggregatorOf(module, user),
    payload: payloadOf(module, user),
    transform: transformOf(module, name, user),
    deserializer: await deserializerFor(module, user),
  });
}

/** What a module made, before anything of it is checked. */
type Fields = { readonly [Name in keyof UserProcessor]?: unknown };

async function make(module: string, exported: Record<string, unknown>, options: Options): Promise<unknown> {
  const factory = exported['createProcessor'] ?? exported['default'];
  if (typeof factory !== 'function') return factory;
  try {
    return isClass(factory)
      ? new factory(options)
      : await (factory as (options: Options) => unknown)(options);
  } catch (cause) {
    throw invalid(module, `failed to make its processor: ${messageOf(cause)}`, cause);
  }
}

/** Also one from before classes had a syntax of their own, by its prototype. */
function isClass(value: Function): value is new (options: Options) => unknown {
  const prototype = value.prototype as { readonly deserialize?: unknown } | undefined;
  return (
    typeof prototype?.deserialize === 'function' || /^class\b/.test(Function.prototype.toString.call(value))
  );
}

async function deserializerFor(module: string, user: Fields): Promise<Deserializer> {
  const { deserialize, serializer } = user;
  if (serializer === undefined) {
    if (typeof deserialize !== 'function') throw invalid(module, 'has no function `deserialize`');
    const bound = (deserialize as (data: Uint8Array) => unknown).bind(user);
    return { fromBytes: bound, fromText: null };
  }
  if (deserialize !== undefined) throw invalid(module, 'has both `serializer` and `deserialize`');
  return deserializerOf(known(module, 'serializer', serializer, SERIALIZERS));
}

function aggregatorOf(module: string, user: Fields): AggregatorName | Frames {
  const { split, aggregator } = user;
  if (split === undefined) return known(module, 'aggregator', aggregator ?? 'plain', AGGREGATORS);
  if (typeof split !== 'function') throw invalid(module, 'has a `split` that is no function');
  if (aggregator !== undefined) throw invalid(module, 'has both `aggregator` and `split`');
  return guarded((split as UserSplit).bind(user));
}

function payloadOf(module: string, user: Fields): ReturnType<typeof payloadOptions> {
  try {
    return payloadOptions(user);
  } catch (cause) {
    throw invalid(module, `has a property that does not fit: ${messageOf(cause)}`, cause);
  }
}

function transformOf(module: string, name: string, user: Fields): Transform | null {
  const { transform } = user;
  if (transform === undefined) return null;
  if (typeof transform !== 'function') throw invalid(module, 'has a `transform` that is no function');
  // Known at once for most; others are found out by the promise that they return.
  if (transform.constructor.name === 'AsyncFunction') throw asyncTransform(name);
  return (transform as Transform).bind(user);
}

function known<const Name extends string>(
  module: string,
  field: string,
  value: unknown,
  names: readonly Name[],
): Name {
  const found = names.find((each) => each === value);
  if (found === undefined) throw invalid(module, `has a \`${field}\` that is none of ${names.join(', ')}`);
  return found;
}

type UserSplit = (data: Uint8Array, partitionKey: string, sink: UserRecordSink) => void;

const TOO_MANY = undecodableMark('too-many-records');
/** As Kinesis has it. A batch joins them with commas. */
const EXPLICIT_HASH_KEY = /^\d{1,39}$/;

/**
 * A user's `split` as the rest of shardpool may rely on it: all records or, if it throws, the whole as one plain record;
 * numbered from 0 without gaps, because checkpoints count on it.
 */
function guarded(split: UserSplit): Frames {
  return (data, partitionKey, sink, maxRecords) => {
    const found: { bytes: Uint8Array; key: string; hashKey: string | null; aggregated: boolean }[] = [];
    let count = 0;
    try {
      split(data, partitionKey, {
        add(bytes, key, hashKey, _index, aggregated) {
          if (!(bytes instanceof Uint8Array) || typeof key !== 'string') {
            throw new TypeError('Expected add() to be called with a Uint8Array and a string');
          }
          if (typeof hashKey === 'string' && !EXPLICIT_HASH_KEY.test(hashKey)) {
            throw new TypeError('Expected the explicit hash key to be a decimal number');
          }
          count += 1;
          if (count > maxRecords) return;
          found.push({ bytes, key, hashKey: hashKey ?? null, aggregated: aggregated ?? true });
        },
      });
    } catch {
      sink.add(data, partitionKey, null, 0, false);
      return;
    }
    if (count > maxRecords) {
      sink.add(data, partitionKey, null, 0, false, TOO_MANY);
      return;
    }
    found.forEach(({ bytes, key, hashKey, aggregated }, index) =>
      sink.add(bytes, key, hashKey, index, aggregated),
    );
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function invalid(module: string, what: string, cause?: unknown): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_PROCESSOR', `The processor module ${module} ${what}`, { cause });
}
