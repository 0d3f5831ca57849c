// The options of the built-in processors, and of modules that build on them: every check and every default.

import * as zlib from 'node:zlib';
import { flag, integer, invalid, oneOf } from '../model/checks.ts';
import { ShardpoolError } from '../model/errors.ts';
import type { ProcessorName, SpecOptions } from '../model/specs.ts';

export const SERIALIZERS = ['json', 'string', 'bytes', 'msgpack'] as const;
export type SerializerName = (typeof SERIALIZERS)[number];

export const AGGREGATORS = ['plain', 'kpl', 'netstring', 'lines', 'list'] as const;
export type AggregatorName = (typeof AGGREGATORS)[number];

export const COMPRESSIONS = ['gzip', 'deflate', 'brotli', 'zstd', 'auto'] as const;
export type CompressionName = (typeof COMPRESSIONS)[number];

const DEFAULT_MAX_INFLATED_BYTES = 32 * 2 ** 20;
/** As many lines as fit into a record of the size that streams have by default. Only larger or inflated ones meet it. */
const DEFAULT_MAX_RECORDS = 2 ** 19;

/** What every processor has, whoever wrote it. */
export interface PayloadOptions {
  /** Null: as it is. */
  readonly compression: CompressionName | null;
  readonly maxInflatedBytes: number;
  readonly maxRecordsPerAggregate: number;
}

export interface BuiltInOptions extends PayloadOptions {
  readonly aggregator: AggregatorName;
  readonly serializer: SerializerName;
}

const PAYLOAD_OPTIONS = ['compression', 'maxInflatedBytes'] as const;

/** What each name stands for, and the options that only it has. */
const BUILT_IN: Readonly<
  Record<
    ProcessorName,
    {
      readonly aggregator: AggregatorName;
      readonly serializer: SerializerName;
      readonly options: readonly ('serializer' | 'elements' | 'maxRecordsPerAggregate')[];
    }
  >
> = {
  json: { aggregator: 'plain', serializer: 'json', options: [] },
  'json-lines': { aggregator: 'lines', serializer: 'json', options: ['maxRecordsPerAggregate'] },
  'json-list': { aggregator: 'plain', serializer: 'json', options: ['elements', 'maxRecordsPerAggregate'] },
  string: { aggregator: 'plain', serializer: 'string', options: [] },
  bytes: { aggregator: 'plain', serializer: 'bytes', options: [] },
  msgpack: { aggregator: 'netstring', serializer: 'msgpack', options: ['maxRecordsPerAggregate'] },
  'kpl-json': { aggregator: 'kpl', serializer: 'json', options: ['maxRecordsPerAggregate'] },
  'kpl-string': { aggregator: 'kpl', serializer: 'string', options: ['maxRecordsPerAggregate'] },
  'kpl-msgpack': { aggregator: 'kpl', serializer: 'msgpack', options: ['maxRecordsPerAggregate'] },
  auto: { aggregator: 'kpl', serializer: 'bytes', options: ['serializer', 'maxRecordsPerAggregate'] },
};

/** Throws ERR_INVALID_OPTION for a name or an option that is none, or does not fit. */
export function builtInOptions(name: ProcessorName, options: SpecOptions): BuiltInOptions {
  if (!Object.hasOwn(BUILT_IN, name))
    throw invalid('processor', `one of ${Object.keys(BUILT_IN).join(', ')}`, name);
  const { aggregator, serializer, options: own } = BUILT_IN[name];
  const allowed: readonly string[] = [...PAYLOAD_OPTIONS, ...own];
  for (const option of Object.keys(options)) {
    if (allowed.includes(option)) continue;
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `The processor '${name}' has no option \`${option}\`; its options are ${allowed.join(', ')}`,
    );
  }
  const elements = options['elements'] !== undefined && flag('processor.elements', options['elements']);
  return {
    aggregator: elements ? 'list' : aggregator,
    serializer:
      options['serializer'] === undefined
        ? serializer
        : oneOf('processor.serializer', options['serializer'], SERIALIZERS),
    ...payloadOptions(options),
  };
}

/** The same names mean the same in the options of a built-in and on the processor of a module. */
export function payloadOptions(
  options: {
    readonly [Name in keyof PayloadOptions]?: unknown;
  },
): PayloadOptions {
  const { compression, maxInflatedBytes, maxRecordsPerAggregate } = options;
  return {
    compression: compression === undefined ? null : compressionOption(compression),
    maxInflatedBytes: integer(
      'processor.maxInflatedBytes',
      maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES,
      1,
      2 ** 30,
    ),
    maxRecordsPerAggregate: integer(
      'processor.maxRecordsPerAggregate',
      maxRecordsPerAggregate ?? DEFAULT_MAX_RECORDS,
      1,
      2 ** 24,
    ),
  };
}

function compressionOption(value: unknown): CompressionName {
  const name = oneOf('processor.compression', value, COMPRESSIONS);
  if (name === 'zstd' && !('zstdDecompressSync' in zlib)) {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `The compression 'zstd' needs Node 22.15 or 23.8 at least, this is ${process.version}`,
    );
  }
  return name;
}
