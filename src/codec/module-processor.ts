// Processors that users bring along as a module.

import { ShardpoolError } from '../model/errors.ts';
import { undecodableOnThrow } from './deserializers.ts';
import type { Processor, UserRecordSink } from './processor.ts';

type Options = Readonly<Record<string, unknown>>;

/** What a module has to make: `split` is needed only where one Kinesis record holds several user records. */
interface UserProcessor {
  readonly name?: unknown;
  deserialize(data: Uint8Array): unknown;
  split?(data: Uint8Array, partitionKey: string, sink: UserRecordSink): void;
}

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
  if (!isUserProcessor(made)) throw invalid(module, 'has no function `deserialize`');
  if (made.split !== undefined && typeof made.split !== 'function')
    throw invalid(module, 'has a `split` that is no function');
  return adapt(made, typeof made.name === 'string' && made.name !== '' ? made.name : module);
}

async function make(module: string, exported: Record<string, unknown>, options: Options): Promise<unknown> {
  const factory = exported['createProcessor'] ?? exported['default'];
  if (typeof factory !== 'function') return factory;
  try {
    return isProcessorClass(factory)
      ? new factory(options)
      : await (factory as (options: Options) => unknown)(options);
  } catch (cause) {
    throw invalid(module, `failed to make its processor: ${messageOf(cause)}`, cause);
  }
}

function adapt(user: UserProcessor, name: string): Processor {
  const split = user.split?.bind(user);
  return {
    name,
    split:
      split === undefined
        ? (data, partitionKey, sink) => sink.add(data, partitionKey, null, 0, false)
        : (data, partitionKey, sink) => guardedSplit(split, data, partitionKey, sink),
    deserialize: undecodableOnThrow(name, (data) => user.deserialize(data)),
  };
}

type Split = Processor['split'];

/**
 * A user's `split` as the rest of shardpool may rely on it: all records or, if it throws, the whole as one plain record;
 * numbered from 0 without gaps, because checkpoints count on it.
 */
function guardedSplit(split: Split, data: Uint8Array, partitionKey: string, sink: UserRecordSink): void {
  const found: Parameters<UserRecordSink['add']>[] = [];
  try {
    split(data, partitionKey, {
      add(bytes, key, explicitHashKey, _subSequenceNumber, aggregated) {
        if (!(bytes instanceof Uint8Array) || typeof key !== 'string') {
          throw new TypeError('Expected add() to be called with a Uint8Array and a string');
        }
        found.push([bytes, key, explicitHashKey ?? null, found.length, aggregated ?? true]);
      },
    });
  } catch {
    sink.add(data, partitionKey, null, 0, false);
    return;
  }
  for (const record of found) sink.add(...record);
}

function isProcessorClass(value: unknown): value is new (options: Options) => unknown {
  const prototype: unknown = (value as { prototype?: unknown }).prototype;
  return isUserProcessor(prototype);
}

function isUserProcessor(value: unknown): value is UserProcessor {
  return (
    typeof value === 'object' &&
    value !== null &&
    'deserialize' in value &&
    typeof value.deserialize === 'function'
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function invalid(module: string, what: string, cause?: unknown): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_PROCESSOR', `The processor module ${module} ${what}`, { cause });
}
