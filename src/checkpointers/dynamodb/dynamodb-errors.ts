// Every error that a call to DynamoDB can end with: whether the write may have been applied, and whether to try again.

import { isMisconfiguredTls } from '../../kinesis/error-names.ts';
import { classify, type KinesisErrorKind } from '../../kinesis/errors.ts';
import { type ErrorCode, ShardpoolError } from '../../model/errors.ts';
import { LeaseStoreError } from '../../model/lease-store.ts';

/** What a call is for decides what its failure is: one of `open` ends the start and says by its code what is wrong. */
export type CallKind = 'open' | 'read' | 'write';

interface Meaning {
  /** Of a write: false where the server said, by this very error, that it did nothing. */
  readonly mayBeApplied: boolean;
  readonly retryable: boolean;
  readonly code: ErrorCode;
  readonly advice: string;
}

const REFUSED = { mayBeApplied: false, retryable: false } as const;
const SLOW_DOWN = { mayBeApplied: false, retryable: true } as const;
const WHO_KNOWS = { mayBeApplied: true, retryable: true } as const;

/** The kinds are those of the Kinesis API: the SDK, the network and most names are the same. */
const MEANING: Readonly<Record<KinesisErrorKind, Meaning>> = {
  throttled: {
    ...SLOW_DOWN,
    code: 'ERR_LEASE_STORE',
    advice: 'If it lasts: give the table more capacity, or write checkpoints less often.',
  },
  transient: {
    ...WHO_KNOWS,
    code: 'ERR_LEASE_STORE',
    advice: 'The same call may succeed later; if it lasts, check endpoint, proxy and network.',
  },
  'service-error': {
    ...WHO_KNOWS,
    code: 'ERR_LEASE_STORE',
    advice: 'AWS failed; the same call may succeed later.',
  },
  'key-unusable': {
    ...SLOW_DOWN,
    code: 'ERR_LEASE_STORE',
    advice: 'Check the KMS key of the table.',
  },
  // ResourceNotFoundException, with or without a word about shards that is not meant for us.
  'stream-missing': { ...REFUSED, code: 'ERR_LEASE_STORE', advice: 'The table is not there.' },
  'shard-missing': { ...REFUSED, code: 'ERR_LEASE_STORE', advice: 'The table is not there.' },
  'access-denied': {
    ...REFUSED,
    code: 'ERR_ACCESS_DENIED',
    advice: 'Give the identity the permissions that the guide lists for this checkpointer.',
  },
  credentials: {
    ...REFUSED,
    code: 'ERR_CREDENTIALS',
    advice: 'Set `checkpointer.credentials`, or check the AWS environment.',
  },
  'credentials-expired': {
    ...SLOW_DOWN,
    code: 'ERR_ACCESS_DENIED',
    advice: 'Check that the source of the credentials gives new ones.',
  },
  'credentials-refused': {
    ...REFUSED,
    code: 'ERR_ACCESS_DENIED',
    advice: 'Check the keys, and the account and partition that they belong to.',
  },
  'invalid-argument': {
    ...REFUSED,
    code: 'ERR_LEASE_STORE',
    advice: 'Check the option that it names; if it names none of yours, please report it.',
  },
  'not-active': { ...SLOW_DOWN, code: 'ERR_LEASE_STORE', advice: 'Wait until the table is ACTIVE.' },
  aborted: { ...WHO_KNOWS, code: 'ERR_STOPPED', advice: '' },
  'expired-iterator': { mayBeApplied: true, retryable: false, code: 'ERR_LEASE_STORE', advice: '' },
  fatal: {
    mayBeApplied: true,
    retryable: false,
    code: 'ERR_LEASE_STORE',
    advice: 'Retrying will not help.',
  },
};

/** Total: whatever a call rejected with, this is what the store rejects with. */
export function failure(error: unknown, kind: CallKind, doing: string): ShardpoolError {
  if (error instanceof LeaseStoreError) return error;
  const seen = fieldsOf(error);
  if (/^Region (?:is missing|not accepted)/.test(seen.message))
    return regionAtFault(error, seen.message, kind);
  const { kind: cause, retryable: asItSays } = classify(error);
  const meaning = MEANING[cause];
  // No connection stood, so nothing was sent; a certificate that does not fit will not fit later either.
  const mayBeApplied = meaning.mayBeApplied && !wasNeverSent(error);
  // Where credentials come from may be out of order for a moment only.
  const retryable = cause === 'credentials' ? asItSays : meaning.retryable;
  const message = `${doing} failed: ${describe(error).replace(/[.\s]+$/, '')}. ${meaning.advice}`.trimEnd();
  return shaped(kind, meaning.code, message, { cause: error, retryable, mayBeApplied });
}

/** A call that was not answered in time, or that `close` cut short. */
export function unanswered(kind: CallKind, message: string): ShardpoolError {
  return shaped(kind, 'ERR_LEASE_STORE', message, { retryable: true, mayBeApplied: true });
}

function shaped(
  kind: CallKind,
  code: ErrorCode,
  message: string,
  { mayBeApplied, ...options }: { cause?: unknown; retryable: boolean; mayBeApplied: boolean },
): ShardpoolError {
  if (kind === 'open' && code !== 'ERR_LEASE_STORE') return new ShardpoolError(code, message, options);
  const isUnknown = kind === 'write' && mayBeApplied;
  return new LeaseStoreError(isUnknown ? 'unknown' : 'not-applied', message, options);
}

/** The SDK throws plain Errors for what it finds wrong with the region, and only at the first call. */
function regionAtFault(cause: unknown, message: string, kind: CallKind): ShardpoolError {
  const text =
    message === 'Region is missing'
      ? 'No AWS region for the dynamodb checkpointer: set `checkpointer.region`, or AWS_REGION or the region of the ' +
        'profile in ~/.aws/config.'
      : `Expected \`checkpointer.region\` to be the name of an AWS region. ${message}`;
  return shaped(kind, 'ERR_INVALID_OPTION', text, { cause, retryable: false, mayBeApplied: false });
}

interface ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly syscall: string;
  readonly cause: unknown;
}

function fieldsOf(error: unknown): ErrorFields {
  if (typeof error !== 'object' || error === null)
    return { name: '', message: String(error), code: '', syscall: '', cause: null };
  const { name, message, code, syscall, cause, errors } = error as Readonly<Record<string, unknown>>;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    name: text(name),
    message: text(message),
    code: text(code),
    syscall: text(syscall),
    // Connecting to several addresses fails with all of their errors at once.
    cause: cause ?? (Array.isArray(errors) ? errors[0] : null) ?? null,
  };
}

const MAX_CAUSES = 5;
const BEFORE_THE_REQUEST = /did not establish a connection|before secure TLS connection was established/;

function wasNeverSent(error: unknown, depth = 0): boolean {
  const { message, code, syscall, cause } = fieldsOf(error);
  if (syscall === 'connect' || syscall === 'getaddrinfo') return true;
  if (BEFORE_THE_REQUEST.test(message) || isMisconfiguredTls(code, message)) return true;
  return cause !== null && depth < MAX_CAUSES && wasNeverSent(cause, depth + 1);
}

/** The first line only: some of AWS's messages go on with all that was signed. */
function describe(error: unknown, depth = 0): string {
  const { name, message, code, cause } = fieldsOf(error);
  const label = name === '' || name === 'Error' || name === 'ShardpoolError' ? code : name;
  const bare = message === '' || message === 'UnknownError';
  if (bare && cause !== null && depth < MAX_CAUSES) return describe(cause, depth + 1);
  const text = bare ? 'no further details' : message.split('\n', 1)[0]!;
  return label === '' || text.includes(label) ? text : `${label}: ${text}`;
}
