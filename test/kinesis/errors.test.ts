import { expect } from 'chai';
import * as client from '@aws-sdk/client-kinesis';
import { ERROR_CODES, ShardpoolError } from '../../src/model/errors.ts';
import {
  classify,
  KINESIS_ERROR_KINDS,
  KinesisError,
  type KinesisErrorKind,
} from '../../src/kinesis/errors.ts';

function aws(name: string, message = '', httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

function node(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

const abort = Object.assign(new Error('Request aborted'), { name: 'AbortError' });
const timeout = Object.assign(new Error('the socket timed out'), { name: 'TimeoutError' });

type Row = [title: string, error: unknown, kind: KinesisErrorKind, code: string, retryable: boolean];

const all = (
  kind: KinesisErrorKind,
  code: string,
  retryable: boolean,
  errors: readonly (readonly [string, unknown])[],
): Row[] => errors.map(([title, error]) => [title, error, kind, code, retryable]);
const names = (...list: string[]) => list.map((name) => [name, aws(name)] as const);
const codes = (...list: string[]) => list.map((code) => [code, node(code)] as const);
const skewed = aws('InvalidSignatureException', 'does not match');
const expiredWhileSkewed = aws('ExpiredIteratorException');
for (const error of [skewed, expiredWhileSkewed])
  Object.assign((error as unknown as { $metadata: object }).$metadata, { clockSkewCorrected: true });

/** Every exception that AWS documents for the operations that are called, and what the network and the SDK add. */
const table: Row[] = [
  ...all('throttled', 'ERR_AWS', true, [
    ...names(
      'ProvisionedThroughputExceededException',
      'LimitExceededException',
      'KMSThrottlingException',
      'ThrottlingException',
      'TooManyRequestsException',
      'RequestLimitExceeded',
      'SlowDown',
    ),
    ['HTTP 429 of something between', aws('Unknown', '', 429)],
  ]),
  ...all('expired-iterator', 'ERR_AWS', true, [
    ...names('ExpiredIteratorException'),
    ['ExpiredIteratorException while the clocks differ', expiredWhileSkewed],
  ]),
  ...all('not-active', 'ERR_STREAM_NOT_ACTIVE', true, names('ResourceInUseException')),
  ...all('stream-missing', 'ERR_STREAM_NOT_FOUND', false, [
    [
      'a missing stream',
      aws('ResourceNotFoundException', 'Stream shard-x under account 123456789012 not found.'),
    ],
    ['a missing resource', aws('ResourceNotFoundException')],
  ]),
  ...all('shard-missing', 'ERR_AWS', false, [
    [
      'a missing shard',
      aws(
        'ResourceNotFoundException',
        'Shard shardId-000000000003 in stream s under account 1 does not exist',
      ),
    ],
  ]),
  ...all(
    'access-denied',
    'ERR_ACCESS_DENIED',
    false,
    names(
      'AccessDeniedException',
      'AccessDenied',
      'KMSAccessDeniedException',
      'KMSOptInRequired',
      'OptInRequired',
      'NotAuthorized',
      'UnauthorizedOperation',
    ),
  ),
  ...all('credentials-refused', 'ERR_ACCESS_DENIED', false, [
    ...names(
      'UnrecognizedClientException',
      'InvalidClientTokenId',
      'InvalidAccessKeyId',
      'AuthFailure',
      'SignatureDoesNotMatch',
      'IncompleteSignature',
      'MissingAuthenticationTokenException',
    ),
    ['a wrong secret', aws('InvalidSignatureException', 'The request signature does not match')],
  ]),
  ...all('credentials-expired', 'ERR_ACCESS_DENIED', true, [
    ...names('ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'),
    ['an expired token by another name', aws('UnrecognizedClientException', 'The security token is expired')],
  ]),
  ...all(
    'invalid-argument',
    'ERR_AWS',
    false,
    names(
      'InvalidArgumentException',
      'ValidationException',
      'SerializationException',
      'UnknownOperationException',
    ),
  ),
  ...all('key-unusable', 'ERR_AWS', true, names('KMSDisabledException', 'KMSInvalidStateException')),
  ...all('service-error', 'ERR_AWS', true, [
    ['InternalFailure', aws('InternalFailure', '', 500)],
    ['InternalFailureException', aws('InternalFailureException', '', 500)],
    ['ServiceUnavailable', aws('ServiceUnavailable', '', 503)],
    ['ServiceUnavailableException', aws('ServiceUnavailableException', '', 503)],
    ['a 5xx with a name that nobody knows', aws('BrandNewException', '', 500)],
    ['an expired listing', aws('ExpiredNextTokenException')],
    ['a clock that was off', skewed],
    ...names('RequestExpired', 'RequestTimeTooSkewed', 'RequestInTheFuture'),
    [
      'a clock that is slow',
      aws('InvalidSignatureException', 'Signature expired: 20260101T000000Z is now earlier than'),
    ],
    [
      'a clock that is fast',
      aws('InvalidSignatureException', 'Signature not yet current: 20260101T000000Z is still later than'),
    ],
  ]),
  ...all('transient', 'ERR_CONNECTION', true, [
    ...codes('ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'),
    ...codes('ENETUNREACH', 'EMFILE', 'HPE_INVALID_CONSTANT', 'ERR_STREAM_PREMATURE_CLOSE'),
    ...codes('ERR_HTTP2_GOAWAY_SESSION', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'),
    ['a broken TLS record', node('EPROTO', 'bad record mac')],
    ['a firewall', Object.assign(node('EPERM'), { syscall: 'connect' })],
    ['several addresses that all fail', new AggregateError([node('EHOSTUNREACH')])],
    ['a hung-up socket', new Error('socket hang up')],
    ['a timeout of the SDK', timeout],
    ['a network error as a cause', new Error('x', { cause: node('ECONNRESET') })],
    ['HTTP 408', aws('Unknown', '', 408)],
    ['HTML with 502', aws('SyntaxError', 'Unexpected token <', 502)],
    ['HTML with 503', aws('SyntaxError', 'Unexpected token <', 503)],
    ['HTML with 200', aws('SyntaxError', 'Unexpected token <', 200)],
    ['a cut body of success', aws('SyntaxError', 'Unexpected end', 200)],
    ['a body of success with other types', aws('TypeError', 'Expected list', 200)],
    ['an empty 500', aws('Unknown', 'UnknownError', 500)],
    [
      'a prelude with a wrong CRC32',
      new Error('The prelude checksum (1) does not match the calculated CRC32'),
    ],
    [
      'a message with a wrong CRC32',
      new Error('The message checksum (1) did not match the expected value of 2'),
    ],
    ['a cut event', new Error('Truncated event message received.')],
  ]),
  ...all('fatal', 'ERR_CONNECTION', false, [
    ...codes(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'CERT_HAS_EXPIRED',
      'CERT_NOT_YET_VALID',
      'CERT_REVOKED',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'HOSTNAME_MISMATCH',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      'ERR_SSL_WRONG_VERSION_NUMBER',
    ),
    ['https to an http port', node('EPROTO', 'SSL: wrong version number')],
    ['a page of a captive portal', aws('SyntaxError', 'Unexpected token <', 403)],
    ['a redirection', aws('Unknown', 'UnknownError', 302)],
    ['a 400 without a name', aws('Unknown', 'UnknownError', 400)],
  ]),
  ...all('fatal', 'ERR_AWS', false, [
    ['an exception nobody knows', aws('BrandNewException', 'so new')],
    ['a missing key', aws('KMSNotFoundException')],
    ['a name out of Object.prototype', aws('constructor')],
  ]),
  [
    'no credentials',
    Object.assign(new Error('x'), { name: 'CredentialsProviderError' }),
    'credentials',
    'ERR_CREDENTIALS',
    false,
  ],
  [
    'credentials that may come',
    new ShardpoolError('ERR_CREDENTIALS', 'x', { retryable: true }),
    'credentials',
    'ERR_CREDENTIALS',
    true,
  ],
  ['a bug elsewhere', new ShardpoolError('ERR_THREAD_DIED', 'x'), 'fatal', 'ERR_THREAD_DIED', false],
  ['an abort', abort, 'aborted', 'ERR_STOPPED', false],
  ['no region', new Error('Region is missing'), 'fatal', 'ERR_INVALID_OPTION', false],
  ...all('fatal', 'ERR_INTERNAL', false, [
    ['a bug', new TypeError('x is not a function')],
    ['a string', 'oops'],
    ['a number', 7],
    ['null', null],
    ['nothing', undefined],
  ]),
];

describe('kinesis/errors', () => {
  for (const [title, error, kind, code, retryable] of table) {
    it(`takes ${title} for ${kind}, ${code}`, () => {
      const classified = classify(error, 'GetRecords on stream s');
      expect(classified).to.be.instanceOf(KinesisError).and.to.be.instanceOf(ShardpoolError);
      expect(classified).to.include({ kind, code, retryable });
      if (error != null) expect(classified.cause).to.equal(error);
    });
  }

  it('says what was done, and how it failed', () => {
    const { message } = classify(aws('LimitExceededException', 'Rate exceeded'), 'ListShards on stream s');
    expect(message).to.match(/^ListShards on stream s failed: LimitExceededException: Rate exceeded\. /);
  });

  it('gives the HTTP status where a reply says nothing', () => {
    expect(classify(aws('Unknown', 'UnknownError', 418)).message).to.include('HTTP 418');
  });

  it('says what to do about each kind', () => {
    for (const [title, error, kind] of table) {
      if (kind === 'aborted' || title === 'no region' || error instanceof ShardpoolError) continue;
      expect(classify(error).message, title).to.match(/[^. ]\. [A-Z].+\.$/);
    }
  });

  it('knows every exception of the client', () => {
    const known = new Set(table.map(([, error]) => (error as Error | null | undefined)?.name));
    const thrown = Object.keys(client).filter((name) => /(?:Exception|OptInRequired)$/.test(name));
    const others = ['KinesisServiceException', 'DryRunOperationException', 'InternalFailureException'];
    expect(thrown).to.include('KMSOptInRequired');
    for (const name of thrown) if (!others.includes(name)) expect(known, name).to.include(name);
  });

  it('leaves what is classified already', () => {
    const once = classify(aws('ExpiredIteratorException'));
    expect(classify(once, 'other')).to.equal(once);
  });

  it('survives causes that run in a circle', () => {
    const error = new Error('a');
    error.cause = error;
    expect(classify(error).kind).to.equal('fatal');
  });

  it('has only kinds that some error is taken for, and codes that exist', () => {
    expect(new Set(table.map(([, , kind]) => kind))).to.deep.equal(new Set(Object.keys(KINESIS_ERROR_KINDS)));
    for (const { code } of Object.values(KINESIS_ERROR_KINDS)) expect(ERROR_CODES).to.have.property(code);
  });
});
