// Every error that a call to Kinesis can end with, turned into one of a few kinds that a caller can act on.

import { type ErrorCode, ShardpoolError } from '../model/errors.ts';
import { KINESIS_ERROR_KINDS, type KinesisErrorKind } from './error-kinds.ts';
import {
  isMisconfiguredTls,
  isNetworkCode,
  KIND_OF_CODE,
  KIND_OF_NAME,
  NAMELESS,
  TRANSIENT_MESSAGES,
} from './error-names.ts';

export { KINESIS_ERROR_KINDS, type KinesisErrorKind };

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
  const failed = `${doing} failed: ${describe(seen)}`;
  if (error instanceof ShardpoolError) {
    const kind = KIND_OF_CODE[error.code] ?? 'fatal';
    return new KinesisError(kind, failed, { cause: error, code: error.code, retryable: error.retryable });
  }
  const option = optionAtFault(seen);
  if (option !== null) return new KinesisError('fatal', option, { cause: error, code: 'ERR_INVALID_OPTION' });
  const kind = kindOf(seen);
  const code = kind === 'fatal' ? fatalCode(seen) : KINESIS_ERROR_KINDS[kind].code;
  return new KinesisError(kind, withAdvice(failed, kind, code), { cause: error, code });
}

/** The fields that tell errors of AWS, of the SDK and of Node apart. */
interface Inspected {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  /** The call of the system that failed, '' where it was none. */
  readonly syscall: string;
  /** The HTTP status, 0 where there was none. */
  readonly status: number;
  readonly clockSkewCorrected: boolean;
  readonly cause: Inspected | null;
}

const MAX_CAUSES = 5;

function inspect(error: unknown, depth = 0): Inspected {
  const fields = (typeof error === 'object' && error !== null ? error : { message: String(error) }) as Record<
    string,
    unknown
  >;
  const { $metadata, errors } = fields;
  const metadata = (typeof $metadata === 'object' && $metadata !== null ? $metadata : {}) as Record<
    string,
    unknown
  >;
  // Connecting to several addresses fails with all of their errors at once.
  const cause = fields['cause'] ?? (Array.isArray(errors) ? errors[0] : null) ?? null;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    name: text(fields['name']),
    message: text(fields['message']),
    code: text(fields['code']),
    syscall: text(fields['syscall']),
    status: typeof metadata['httpStatusCode'] === 'number' ? metadata['httpStatusCode'] : 0,
    clockSkewCorrected: metadata['clockSkewCorrected'] === true,
    cause: cause !== null && depth < MAX_CAUSES ? inspect(cause, depth + 1) : null,
  };
}

function describe({ name, message, code, status, cause }: Inspected): string {
  const label = name === '' || name === 'Error' ? code : name;
  const bare = message === '' || message === 'UnknownError'; // what the SDK puts for a reply that says nothing
  if (bare && status === 0 && label === '' && cause !== null) return describe(cause);
  // A page of HTML has many lines; the first one says what it is.
  const text = !bare ? message.split('\n', 1)[0]! : status === 0 ? 'no further details' : `HTTP ${status}`;
  return label === '' || text.includes(label) ? text : `${label}: ${text}`;
}

const SIGNATURE_ERRORS =
  /^(InvalidSignatureException|SignatureDoesNotMatch|RequestExpired|RequestTimeTooSkewed)$/;

function kindOf(seen: Inspected): KinesisErrorKind {
  const { name, message, code, status } = seen;
  // The SDK has just set its clock by the Date header of this very reply, so the next call is signed right. It says so with every
  // error while the clocks differ: only one about the signature has come of it.
  const isSkewed = seen.clockSkewCorrected && SIGNATURE_ERRORS.test(name);
  if (isSkewed || /^Signature (expired|not yet current)/.test(message)) return 'service-error';
  if (name === 'ResourceNotFoundException') return isAboutShard(message) ? 'shard-missing' : 'stream-missing';
  if (name === 'UnrecognizedClientException' && /\bexpired\b/.test(message)) return 'credentials-expired';
  // Before the names: the SDK calls every connection that ended a TimeoutError.
  if (isMisconfiguredTls(code, message)) return 'fatal';
  if (Object.hasOwn(KIND_OF_NAME, name)) return KIND_OF_NAME[name]!;
  if (status > 0) return kindOfStatus(status, NAMELESS.has(name));
  if (isNetworkCode(code) || seen.syscall === 'connect' || TRANSIENT_MESSAGES.test(message))
    return 'transient';
  return seen.cause === null ? 'fatal' : kindOf(seen.cause);
}

/** For replies whose name, if any, says nothing to us. */
function kindOfStatus(status: number, isNameless: boolean): KinesisErrorKind {
  if (status === 429) return 'throttled';
  if (status >= 500 || status === 408) return isNameless ? 'transient' : 'service-error';
  // An answer of success that the SDK cannot decode was cut on its way, or is not of AWS.
  return status >= 200 && status < 300 ? 'transient' : 'fatal';
}

/** "Shard shardId-000000000001 in stream s under account 1 does not exist" is not about a missing stream. */
function isAboutShard(message: string): boolean {
  return /^(?:Could not find |The )?Shard(?:Id)?\b/i.test(message) || /\bshardId-\d{12}\b/.test(message);
}

function fatalCode({ name, status, code, message, cause }: Inspected): ErrorCode {
  if (status > 0) return NAMELESS.has(name) ? 'ERR_CONNECTION' : 'ERR_AWS';
  if (isMisconfiguredTls(code, message)) return 'ERR_CONNECTION';
  if (Object.hasOwn(KIND_OF_NAME, name)) return 'ERR_AWS';
  return cause === null ? 'ERR_INTERNAL' : fatalCode(cause);
}

/** What somebody who reads the message can do, or that there is nothing to do. */
const ADVICE: Readonly<Record<KinesisErrorKind, string>> = {
  throttled:
    'If it lasts: other readers or writers use up the limits of the stream, or it needs more shards.',
  transient: 'The same call may succeed later; if it lasts, check endpoint, proxy and network.',
  'service-error': 'AWS failed; the same call may succeed later.',
  'key-unusable': "Enable the stream's KMS key again, or cancel its deletion.",
  'expired-iterator': 'The place is read again with a new iterator.',
  'stream-missing': 'Check name, region, account and endpoint.',
  'shard-missing': 'It is past its retention period, or belongs to another stream of that name.',
  'access-denied': "Check the policy of the identity, and that of the stream's KMS key.",
  credentials: 'Configure the AWS environment or the option `credentials`.',
  'credentials-expired': 'Check that the source of the credentials gives new ones.',
  'credentials-refused': 'Check the keys, and the account and partition that they belong to.',
  'invalid-argument': 'Check the option that it names; if it names none of yours, please report it.',
  'not-active': 'Wait until the stream is ACTIVE.',
  aborted: '',
  fatal: 'Retrying will not help.',
};

function withAdvice(failed: string, kind: KinesisErrorKind, code: ErrorCode): string {
  let advice = ADVICE[kind];
  if (kind === 'fatal' && code === 'ERR_CONNECTION') {
    advice = 'Check endpoint, proxy and certificates: something that is not AWS seems to answer.';
  } else if (code === 'ERR_INTERNAL') {
    advice = 'Please report it.';
  }
  return advice === '' ? failed : `${failed.replace(/[.\s]+$/, '')}. ${advice}`;
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
