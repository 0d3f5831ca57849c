// The one error class of the library and the closed list of its codes.

/** Every code that a {@link ShardpoolError} can carry, with what it says. The reference in the docs lists the same rows. */
export const ERROR_CODES = {
  ERR_INVALID_OPTION: 'an option has a wrong type or is out of range',
  ERR_INVALID_HANDLER: 'a handler is not a function, or a handler module exports none or cannot be imported',
  ERR_INVALID_PROCESSOR: 'a processor module cannot be imported or lacks what a processor needs',
  ERR_INVALID_STATE: 'a call came at the wrong time, such as run() on a consumer that already runs',
  ERR_STREAM_NOT_FOUND: 'the stream does not exist',
  ERR_STREAM_NOT_ACTIVE: 'the stream did not become ACTIVE before the deadline',
  ERR_ACCESS_DENIED: 'AWS refused the credentials or the permission',
  ERR_CREDENTIALS: 'no credentials could be loaded',
  ERR_CONNECTION: 'the endpoint could not be reached or did not answer',
  ERR_AWS: 'AWS answered with an error that no other code names',
  ERR_TIMEOUT: 'something did not happen before its deadline',
  ERR_STOPPED: 'the consumer stopped before the call could finish',
  ERR_UNDECODABLE: 'a record could not be decoded by the processor',
  ERR_LEASE_STORE: 'the lease store failed or holds data that does not fit',
  ERR_THREAD_DIED: 'a thread ended unexpectedly',
  ERR_PUT_FAILED: 'records could not be written to the stream',
  ERR_INTERNAL: 'a bug in shardpool; please report it',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Base of every error that shardpool throws or reports. Match on `code`, never on the message. */
export class ShardpoolError extends Error {
  override readonly name = 'ShardpoolError';
  readonly code: ErrorCode;
  /** True when the same call may succeed later without a change. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The plain-data form in which errors cross a port: piscina and structured clone both lose custom fields. */
export interface EncodedError {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
  readonly stack: string | null;
  readonly retryable: boolean;
  readonly cause: EncodedError | null;
}

export function encodeError(error: unknown, depth = 0): EncodedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', code: null, message: String(error), stack: null, retryable: false, cause: null };
  }
  const { code, retryable } = error as { code?: unknown; retryable?: unknown };
  return {
    name: error.name,
    code: typeof code === 'string' ? code : null,
    message: error.message,
    stack: error.stack ?? null,
    retryable: retryable === true,
    cause: error.cause !== undefined && depth < 4 ? encodeError(error.cause, depth + 1) : null,
  };
}

export function decodeError(encoded: EncodedError): Error {
  const cause = encoded.cause === null ? undefined : decodeError(encoded.cause);
  let error: Error;
  if (encoded.code !== null && Object.hasOwn(ERROR_CODES, encoded.code)) {
    error = new ShardpoolError(encoded.code as ErrorCode, encoded.message, {
      cause,
      retryable: encoded.retryable,
    });
  } else {
    error = cause === undefined ? new Error(encoded.message) : new Error(encoded.message, { cause });
    Object.defineProperty(error, 'name', { value: encoded.name, configurable: true, writable: true });
    if (encoded.code !== null) Object.assign(error, { code: encoded.code });
  }
  if (encoded.stack !== null) error.stack = encoded.stack;
  return error;
}
