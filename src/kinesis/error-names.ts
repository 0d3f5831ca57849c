// The names and codes by which AWS, the SDK and Node tell their errors apart, and what each one is taken for.

import type { ErrorCode } from '../model/errors.ts';
import type { KinesisErrorKind } from './error-kinds.ts';

/** Names that AWS gives its errors; the SDK puts them into `name`. ResourceNotFoundException needs a look at its message. */
export const KIND_OF_NAME: Readonly<Record<string, KinesisErrorKind>> = {
  BandwidthLimitExceeded: 'throttled',
  KMSThrottlingException: 'throttled',
  LimitExceededException: 'throttled',
  ProvisionedThroughputExceededException: 'throttled',
  RequestLimitExceeded: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  SlowDown: 'throttled',
  ThrottledException: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  TooManyRequestsException: 'throttled',

  ExpiredIteratorException: 'expired-iterator',
  ResourceInUseException: 'not-active',

  AccessDenied: 'access-denied',
  AccessDeniedException: 'access-denied',
  ForbiddenException: 'access-denied',
  KMSAccessDeniedException: 'access-denied',
  KMSOptInRequired: 'access-denied',
  NotAuthorized: 'access-denied',
  OptInRequired: 'access-denied',
  SubscriptionRequiredException: 'access-denied',
  UnauthorizedException: 'access-denied',
  UnauthorizedOperation: 'access-denied',

  AuthFailure: 'credentials-refused',
  IncompleteSignature: 'credentials-refused',
  IncompleteSignatureException: 'credentials-refused',
  InvalidAccessKeyId: 'credentials-refused',
  InvalidClientTokenId: 'credentials-refused',
  InvalidSignatureException: 'credentials-refused',
  MissingAuthenticationToken: 'credentials-refused',
  MissingAuthenticationTokenException: 'credentials-refused',
  SignatureDoesNotMatch: 'credentials-refused',
  UnrecognizedClientException: 'credentials-refused',

  ExpiredToken: 'credentials-expired',
  ExpiredTokenException: 'credentials-expired',
  TokenRefreshRequired: 'credentials-expired',
  CredentialsProviderError: 'credentials',
  TokenProviderError: 'credentials',

  InvalidArgumentException: 'invalid-argument',
  InvalidParameterException: 'invalid-argument',
  SerializationException: 'invalid-argument',
  UnknownOperationException: 'invalid-argument',
  ValidationException: 'invalid-argument',

  // States that somebody can end, and some end by themselves (AWS KMS, "Key states": disabled, pending deletion or
  // import, unavailable, creating, updating). The records wait in the stream meanwhile.
  KMSDisabledException: 'key-unusable',
  KMSInvalidStateException: 'key-unusable',
  // A deleted key is gone for good, and its records with it.
  KMSNotFoundException: 'fatal',

  // AWS lets a listing's token live for 300 s; the listing is started again.
  ExpiredNextTokenException: 'service-error',
  InternalFailure: 'service-error',
  InternalFailureException: 'service-error',
  InternalServerError: 'service-error',
  InternalServiceError: 'service-error',
  InternalServiceException: 'service-error',
  KMSInternalException: 'service-error',
  RequestTimeout: 'service-error',
  RequestTimeoutException: 'service-error',
  ServiceUnavailable: 'service-error',
  ServiceUnavailableException: 'service-error',
  // The clock of this host is off; the SDK sets its own by the Date header of every such reply.
  RequestExpired: 'service-error',
  RequestInTheFuture: 'service-error',
  RequestTimeTooSkewed: 'service-error',

  TimeoutError: 'transient',
  AbortError: 'aborted',
};

/** What the SDK puts for `name` when a reply carries no name of AWS: then something else may have answered. */
export const NAMELESS: ReadonlySet<string> = new Set([
  '',
  'Error',
  'KinesisServiceException',
  'RangeError',
  'SyntaxError',
  'TypeError',
  'Unknown',
  'UnknownError',
]);

/** Codes that Node gives to failures of the network. */
export const NETWORK_CODES: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_MEMORY',
  'EAI_NODATA',
  'EAI_NONAME',
  'EAI_SYSTEM',
  'ECANCELED',
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
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ESOCKETTIMEDOUT',
  'ETIMEDOUT',
  'ETIMEOUT',
  'ERR_SOCKET_CLOSED',
  'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_TLS_HANDSHAKE_TIMEOUT',
]);

/** HPE_: Node's HTTP parser. */
const NETWORK_CODE_PREFIXES = ['HPE_', 'ERR_HTTP2_', 'ERR_SSL_'] as const;

export function isNetworkCode(code: string): boolean {
  return NETWORK_CODES.has(code) || NETWORK_CODE_PREFIXES.some((prefix) => code.startsWith(prefix));
}

/** Certificates that do not fit, and two ends that share no version of TLS: no retry mends them. */
const MISCONFIGURED_TLS = new RegExp(
  '^(?:CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_|ERR_TLS_CERT_|' +
    'ERR_SSL_(?:WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|TLSV1_UNRECOGNIZED_NAME|' +
    '(?:SSLV3|TLSV1|TLSV13)_ALERT_(?:HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY|UNKNOWN_CA|' +
    'BAD_CERTIFICATE|CERTIFICATE_\\w+|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED))$|' +
    '(?:INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$)',
);

export function isMisconfiguredTls(code: string, message: string): boolean {
  return MISCONFIGURED_TLS.test(code) || (code === 'EPROTO' && /wrong version number/i.test(message));
}

/** Errors without name or code, by what they say: of Node's HTTP client, and of the SDK's event streams. */
export const TRANSIENT_MESSAGES =
  /^socket hang up$|checksum .*(?:does|did) not match|CRC32|^Truncated event message|^(?:read|write|connect) E[A-Z]+/;

export const KIND_OF_CODE: Partial<Record<ErrorCode, KinesisErrorKind>> = {
  ERR_CREDENTIALS: 'credentials',
  ERR_CONNECTION: 'transient',
  ERR_TIMEOUT: 'transient',
  ERR_ACCESS_DENIED: 'access-denied',
  ERR_STREAM_NOT_FOUND: 'stream-missing',
  ERR_STREAM_NOT_ACTIVE: 'not-active',
  ERR_STOPPED: 'aborted',
};
