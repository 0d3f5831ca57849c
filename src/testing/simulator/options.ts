// Public options of the simulator, their defaults and their checks.

import { flag, integer, invalid, object, oneOf, text } from '../../model/checks.ts';

export interface SimulatorOptions {
  /** Port on 127.0.0.1. Default 0: a free one. */
  readonly port?: number;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** 12 digits. Default `000000000000`. */
  readonly accountId?: string;
  /** Whether the rates of Kinesis are enforced (per shard: 5 reads/s, 2 MiB/s out, 1 MiB/s and 1 000 records/s in). Default true. */
  readonly limits?: boolean;
  /** How long a stream stays CREATING or DELETING, in ms. Default 5. */
  readonly createStreamMs?: number;
  /** How long a stream stays UPDATING when its shards change, in ms. Default 5. */
  readonly reshardMs?: number;
  /** Access keys that get UnrecognizedClientException. Default none. */
  readonly refuseAccessKeys?: readonly string[];
  /** Serves prepared pages from a stream named `canned` instead of storing records; without limits. */
  readonly canned?: CannedOptions;
}

export interface CannedOptions {
  /** Default 4. */
  readonly shards?: number;
  /** 1 to 10 000. Default 1 000. */
  readonly recordsPerPage?: number;
  /** Bytes of a record, or of each user record when aggregated: a JSON document. Default 300. */
  readonly recordBytes?: number;
  /** Pages per shard until it ends; Infinity for never. Default Infinity. */
  readonly pages?: number;
  /** Makes every record a KPL aggregate. */
  readonly aggregate?: 'kpl';
  /** User records in each aggregate. Default 10. */
  readonly userRecordsPerRecord?: number;
}

export interface ResolvedCanned {
  readonly shards: number;
  readonly recordsPerPage: number;
  readonly recordBytes: number;
  readonly pages: number;
  readonly userRecords: number | null;
}

/** Survives structured clone: it is the workerData of the thread. */
export interface ResolvedOptions {
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly limits: boolean;
  readonly createStreamMs: number;
  readonly reshardMs: number;
  readonly refuseAccessKeys: readonly string[];
  readonly canned: ResolvedCanned | null;
}

const OPTION_KEYS = [
  'port',
  'region',
  'accountId',
  'limits',
  'createStreamMs',
  'reshardMs',
  'refuseAccessKeys',
  'canned',
];
const CANNED_KEYS = ['shards', 'recordsPerPage', 'recordBytes', 'pages', 'aggregate', 'userRecordsPerRecord'];
const MAX_SHARDS = 10_000;
const MIB = 1024 * 1024;
const MAX_DELAY_MS = 3_600_000;

export function resolveOptions(options: SimulatorOptions = {}): ResolvedOptions {
  object('options', options, OPTION_KEYS);
  return {
    port: integer('port', options.port ?? 0, 0, 65_535),
    region: text('region', options.region ?? 'us-east-1', /^[a-z0-9-]+$/, 'the name of a region'),
    accountId: text('accountId', options.accountId ?? '000000000000', /^\d{12}$/, '12 digits'),
    limits: flag('limits', options.limits ?? true),
    createStreamMs: integer('createStreamMs', options.createStreamMs ?? 5, 0, MAX_DELAY_MS),
    reshardMs: integer('reshardMs', options.reshardMs ?? 5, 0, MAX_DELAY_MS),
    refuseAccessKeys: keys('refuseAccessKeys', options.refuseAccessKeys ?? []),
    canned: options.canned === undefined ? null : resolveCanned(options.canned),
  };
}

function resolveCanned(options: CannedOptions): ResolvedCanned {
  object('canned', options, CANNED_KEYS);
  const aggregated = options.aggregate !== undefined;
  if (aggregated) oneOf('canned.aggregate', options.aggregate, ['kpl']);
  if (!aggregated && options.userRecordsPerRecord !== undefined) {
    throw invalid(
      'canned.userRecordsPerRecord',
      'left out without `canned.aggregate`',
      options.userRecordsPerRecord,
    );
  }
  const canned = {
    shards: integer('canned.shards', options.shards ?? 4, 1, MAX_SHARDS),
    recordsPerPage: integer('canned.recordsPerPage', options.recordsPerPage ?? 1000, 1, 10_000),
    recordBytes: integer('canned.recordBytes', options.recordBytes ?? 300, 1, MIB),
    pages: integer('canned.pages', options.pages ?? Infinity, 1, Infinity),
    userRecords: aggregated
      ? integer('canned.userRecordsPerRecord', options.userRecordsPerRecord ?? 10, 1, 100_000)
      : null,
  };
  const pageBytes = canned.recordsPerPage * canned.recordBytes * (canned.userRecords ?? 1);
  if (pageBytes > 10 * MIB) throw invalid('canned', 'pages of at most 10 MiB', `${pageBytes} bytes`);
  return canned;
}

function keys(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((key) => typeof key === 'string')) return value;
  throw invalid(name, 'an array of strings', value);
}

/** Options of `createStream`. */
export interface CreateStreamOptions {
  /** Default 1; a stream on demand has 4. */
  readonly shards?: number;
  /** Default `provisioned`. */
  readonly mode?: 'provisioned' | 'on-demand';
}

export interface ResolvedCreateStream {
  readonly shards: number | null;
}

export function resolveCreateStream(options: CreateStreamOptions = {}): ResolvedCreateStream {
  object('options', options, ['shards', 'mode']);
  const mode = oneOf('mode', options.mode ?? 'provisioned', ['provisioned', 'on-demand']);
  if (mode === 'on-demand') {
    if (options.shards !== undefined)
      throw invalid('shards', 'left out with `mode: on-demand`', options.shards);
    return { shards: null };
  }
  return { shards: integer('shards', options.shards ?? 1, 1, MAX_SHARDS) };
}
