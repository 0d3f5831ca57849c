// What errors of a call to Kinesis can mean: the few kinds that a caller acts on.

import type { ErrorCode } from '../model/errors.ts';

/** What happened, as far as it decides what to do next; for each kind the code of its error and whether to retry. */
export const KINESIS_ERROR_KINDS = {
  /** A limit of Kinesis or of its KMS key: slow down. */
  throttled: { code: 'ERR_AWS', retryable: true },
  /** The network, a broken body, or a 5xx of something that is not AWS: the same call may succeed. */
  transient: { code: 'ERR_CONNECTION', retryable: true },
  /** AWS itself failed, and says so: the same call may succeed. */
  'service-error': { code: 'ERR_AWS', retryable: true },
  /** The KMS key of the stream is in a state that can be ended: go on trying, and be loud. */
  'key-unusable': { code: 'ERR_AWS', retryable: true },
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
  /** AWS does not know the keys, nor the ones loaded in their place. */
  'credentials-refused': { code: 'ERR_ACCESS_DENIED', retryable: false },
  'invalid-argument': { code: 'ERR_AWS', retryable: false },
  /** The stream is being created, changed or deleted; from CreateStream: it exists already. */
  'not-active': { code: 'ERR_STREAM_NOT_ACTIVE', retryable: true },
  /** The caller's signal, or `close()`. */
  aborted: { code: 'ERR_STOPPED', retryable: false },
  /** Everything else: retrying does not mend it, and it must be reported. */
  fatal: { code: 'ERR_AWS', retryable: false },
} as const satisfies Record<string, { code: ErrorCode; retryable: boolean }>;

export type KinesisErrorKind = keyof typeof KINESIS_ERROR_KINDS;
