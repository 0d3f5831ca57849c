// Every error that a call to Kinesis can end with, turned into one of a few kinds that a caller can act on.

import { type ErrorCode, ShardpoolError } from '../model/errors.ts';

/** What happened, as far as it decides what to do next; for each kind the code of its error and whether to retry. */
export const KINESIS_ERROR_KINDS = {
  /** A limit of Kinesis or of its KMS key: slow down. */
  throttled: { code: 'ERR_AWS', retryable: true },
  /** The network, a 5xx or a broken body: the same call may succeed. */
  transient: { code: 'ERR_CONNECTION', retryable: true },
  /** Ask for a new iterator. */
  'expired-iterator': { code: 'ERR_AWS', retryable: true },
  'stream-missing': { code: 'ERR_STREAM_NOT_FOUND', retryable: false },
  /** The stream is there, the shard is not: retention has taken it, or it never was. */
  'shard-missing': { code: 'ERR_AWS', retryable: false },
  'access-denied': { code: 'ERR_ACCESS_DENIED', retryable: false },
  /** No credentials could be loaded. */
  credentials: { code: 'ERR_CREDENTIALS', retryable: false },
  /** The credentials were too old, and so were the ones loaded in their place. */
  'credentials-expired': { code: 'ERR_ACCESS_DENIED', retryable: true },
  'invalid-argument': { code: 'ERR_AWS', retryable: false },
  /** The stream is being created, changed or deleted; from CreateStream: it exists already. */
  'not-active': { code: 'ERR_STREAM_NOT_ACTIVE', retryable: true },
  /** The caller's signal, or `close()`. */
  aborted: { code: 'ERR_STOPPED', retryable: false },
  /** Everything else: retrying does not mend it, and it must be reported. */
  fatal: { code: 'ERR_AWS', retryable: false },
} as const satisfies Record<string, { code: ErrorCode; retryable: boolean }>;

export type KinesisErrorKind = keyof typeof KINESIS_ERROR_KINDS;

/** What every call of the Kinesis API rejects with. */
export class KinesisError extends ShardpoolError {
  readonly kind: KinesisErrorKind;

  constructor(
    kind: KinesisErrorKind,
    message: string,
    options: { cause?: unknown; code?: ErrorCode; retryable?: boolean } = {},
  ) {
    const usual = KINESIS_ERROR_KINDS[kind];
    super(options.code ?? usual.code, message, {
      cause: options.cause,
      retryable: options.retryable ?? usual.retryable,
    });
    this.kind = kind;
  }
}

/** Total: whatever comes in, a KinesisError goes out, and what nobody thought of is `fatal`. */
export function classify(error: unknown, doing = 'A call to Kinesis'): KinesisError {
  if (error instanceof KinesisError) return error;
  const seen = inspect(error);
  const message = `${doing} failed: ${describe(seen)}`;
  if (error instanceof ShardpoolError) {
    const kind = KIND_OF_CODE[error.code] ?? 'fatal';
    return new KinesisError(kind, message, { cause: error, code: error.code, retryable: error.retryable });
  }
  const option = optionAtFault(seen);
  if (option !== null) return new KinesisError('fatal', option, { cause: error, code: 'ERR_INVALID_OPTION' });
  const kind = kindOf(seen);
  if (kind !== 'fatal') return new KinesisError(kind, message, { cause: error });
  return new KinesisError('fatal', message, { cause: error, code: fatalCode(seen) });
}

/** The fields that tell errors of AWS, of the SDK and of Node apart. */
interface Inspected {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  /** The HTTP status, 0 where there was none. */
  readonly status: number;
  readonly clockSkewCorrected: boolean;
  readonly cause: Inspected | null;
}

const MAX_CAUSES = 5;

function inspect(error: unknown, depth = 0): Inspected {
  if (typeof error !== 'object' || error === null) {
    return { name: '', message: String(error), code: '', status: 0, clockSkewCorrected: false, cause: null };
  }
  const { name, message, code, $metadata, cause } = error as Record<string, unknown>;
  const metadata = (typeof $metadata === 'object' && $metadata !== null ? $metadata : {}) as Record<
    string,
    unknown
  >;
  return {
    name: typeof name === 'string' ? name : '',
    message: typeof message === 'string' ? message : '',
    code: typeof code === 'string' ? code : '',
    status: typeof metadata['httpStatusCode'] === 'number' ? metadata['httpStatusCode'] : 0,
    clockSkewCorrected: metadata['clockSkewCorrected'] === true,
    cause: cause !== undefined && cause !== null && depth < MAX_CAUSES ? inspect(cause, depth + 1) : null,
  };
}

function describe({ name, message, code, status }: Inspected): string {
  const label = name === '' || name === 'Error' ? code : name;
  const bare = message === '' || message === 'UnknownError'; // what the SDK puts for a reply that says nothing
  const text = !bare ? message : status === 0 ? 'no further details' : `HTTP ${status}`;
  return label === '' || text.includes(label) ? text : `${label}: ${text}`;
}

/** Names that AWS gives its errors; the SDK puts them into `name`. */
const KIND_OF_NAME: Readonly<Record<string, KinesisErrorKind>> = {
  ProvisionedThroughputExceededException: 'throttled',
  LimitExceededException: 'throttled',
  KMSThrottlingException: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  ThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  TooManyRequestsException: 'throttled',
  SlowDown: 'throttled',

  ExpiredIteratorException: 'expired-iterator',
  ResourceInUseException: 'not-active',
  // AWS lets a listing's token live for 300 s; the listing is started again.
  ExpiredNextTokenException: 'transient',

  AccessDeniedException: 'access-denied',
  AccessDenied: 'access-denied',
  KMSAccessDeniedException: 'access-denied',
  UnrecognizedClientException: 'access-denied',
  InvalidClientTokenId: 'access-denied',
  InvalidSignatureException: 'access-denied',
  SignatureDoesNotMatch: 'access-denied',
  IncompleteSignature: 'access-denied',
  IncompleteSignatureException: 'access-denied',
  MissingAuthenticationToken: 'access-denied',
  MissingAuthenticationTokenException: 'access-denied',
  NotAuthorized: 'access-denied',
  OptInRequired: 'access-denied',
  KMSOptInRequired: 'access-denied',

  ExpiredToken: 'credentials-expired',
  ExpiredTokenException: 'credentials-expired',
  TokenRefreshRequired: 'credentials-expired',
  CredentialsProviderError: 'credentials',
  TokenProviderError: 'credentials',

  InvalidArgumentException: 'invalid-argument',
  ValidationException: 'invalid-argument',
  SerializationException: 'invalid-argument',

  // Somebody must mend the key; a consumer that waited in silence would look healthy.
  KMSDisabledException: 'fatal',
  KMSInvalidStateException: 'fatal',
  KMSNotFoundException: 'fatal',

  InternalFailure: 'transient',
  InternalFailureException: 'transient',
  InternalServerError: 'transient',
  KMSInternalException: 'transient',
  ServiceUnavailable: 'transient',
  ServiceUnavailableException: 'transient',
  RequestTimeout: 'transient',
  RequestTimeoutException: 'transient',
  TimeoutError: 'transient',
  AbortError: 'aborted',
};

/** Codes that Node gives to failures of the network; HPE_ are those of its HTTP parser. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ESOCKETTIMEDOUT',
  'ETIMEDOUT',
  'ERR_SOCKET_CLOSED',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

const KIND_OF_CODE: Partial<Record<ErrorCode, KinesisErrorKind>> = {
  ERR_CREDENTIALS: 'credentials',
  ERR_CONNECTION: 'transient',
  ERR_TIMEOUT: 'transient',
  ERR_ACCESS_DENIED: 'access-denied',
  ERR_STREAM_NOT_FOUND: 'stream-missing',
  ERR_STREAM_NOT_ACTIVE: 'not-active',
  ERR_STOPPED: 'aborted',
};

function kindOf(seen: Inspected): KinesisErrorKind {
  const { name, message, code, status } = seen;
  // The SDK has just set its clock by the Date header of this very reply, so the next call is signed right.
  if (seen.clockSkewCorrected || /^Signature (expired|not yet current)/.test(message)) return 'transient';
  if (name === 'ResourceNotFoundException') return isAboutShard(message) ? 'shard-missing' : 'stream-missing';
  if (Object.hasOwn(KIND_OF_NAME, name)) return KIND_OF_NAME[name]!;
  if (status === 429) return 'throttled';
  if (status >= 500 || status === 408) return 'transient';
  if (status >= 300) return 'fatal';
  // An answer of success whose body does not parse was cut on its way.
  if (status >= 200) return name === 'SyntaxError' ? 'transient' : 'fatal';
  if (isMisconfiguredTls(seen)) return 'fatal';
  if (NETWORK_CODES.has(code) || code.startsWith('HPE_') || code.startsWith('ERR_SSL_')) return 'transient';
  if (message === 'socket hang up') return 'transient';
  return seen.cause === null ? 'fatal' : kindOf(seen.cause);
}

/** "Shard shardId-000000000001 in stream s under account 1 does not exist" is not about a missing stream. */
function isAboutShard(message: string): boolean {
  return /^(?:Could not find |The )?Shard(?:Id)?\b/i.test(message) || /\bshardId-\d{12}\b/.test(message);
}

function isMisconfiguredTls({ code, message }: Inspected): boolean {
  return (
    /^(?:CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:GET|VERIFY)_|ERR_TLS_CERT_)/.test(code) ||
    code === 'ERR_SSL_WRONG_VERSION_NUMBER' ||
    (code === 'EPROTO' && /wrong version number/i.test(message))
  );
}

function fatalCode(seen: Inspected): ErrorCode {
  if (seen.status > 0) return 'ERR_AWS';
  return isMisconfiguredTls(seen) ? 'ERR_CONNECTION' : 'ERR_INTERNAL';
}

/** The SDK throws plain Errors for what it finds wrong with the region, and only at the first call. */
function optionAtFault({ message }: Inspected): string | null {
  if (message === 'Region is missing') {
    return (
      'No AWS region: set the option `region`, give the stream as an ARN, or set AWS_REGION or the region of the ' +
      'profile in ~/.aws/config.'
    );
  }
  if (message.startsWith('Region not accepted'))
    return `Expected \`region\` to be the name of an AWS region. ${message}`;
  return null;
}
