import { expect } from 'chai';
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

const table: [string, unknown, KinesisErrorKind, string, boolean][] = [
  ['throughput', aws('ProvisionedThroughputExceededException'), 'throttled', 'ERR_AWS', true],
  ['limit', aws('LimitExceededException'), 'throttled', 'ERR_AWS', true],
  ['KMS throttling', aws('KMSThrottlingException'), 'throttled', 'ERR_AWS', true],
  ['HTTP 429 of something between', aws('Unknown', '', 429), 'throttled', 'ERR_AWS', true],
  ['an expired iterator', aws('ExpiredIteratorException'), 'expired-iterator', 'ERR_AWS', true],
  ['an expired listing', aws('ExpiredNextTokenException'), 'transient', 'ERR_CONNECTION', true],
  [
    'a missing stream',
    aws('ResourceNotFoundException', 'Stream shard-x under account 123456789012 not found.'),
    'stream-missing',
    'ERR_STREAM_NOT_FOUND',
    false,
  ],
  [
    'a missing shard',
    aws('ResourceNotFoundException', 'Shard shardId-000000000003 in stream s under account 1 does not exist'),
    'shard-missing',
    'ERR_AWS',
    false,
  ],
  ['a stream in use', aws('ResourceInUseException'), 'not-active', 'ERR_STREAM_NOT_ACTIVE', true],
  ['a refused permission', aws('AccessDeniedException'), 'access-denied', 'ERR_ACCESS_DENIED', false],
  ['a refused key', aws('KMSAccessDeniedException'), 'access-denied', 'ERR_ACCESS_DENIED', false],
  ['unknown credentials', aws('UnrecognizedClientException'), 'access-denied', 'ERR_ACCESS_DENIED', false],
  [
    'a wrong secret',
    aws('InvalidSignatureException', 'does not match'),
    'access-denied',
    'ERR_ACCESS_DENIED',
    false,
  ],
  [
    'a clock that is off',
    aws('InvalidSignatureException', 'Signature expired: 20260101T000000Z is now earlier than'),
    'transient',
    'ERR_CONNECTION',
    true,
  ],
  ['expired credentials', aws('ExpiredTokenException'), 'credentials-expired', 'ERR_ACCESS_DENIED', true],
  ['a bad argument', aws('InvalidArgumentException'), 'invalid-argument', 'ERR_AWS', false],
  ['a failed validation', aws('ValidationException'), 'invalid-argument', 'ERR_AWS', false],
  ['a disabled key', aws('KMSDisabledException'), 'fatal', 'ERR_AWS', false],
  ['a missing key', aws('KMSNotFoundException'), 'fatal', 'ERR_AWS', false],
  ['InternalFailure', aws('InternalFailure', '', 500), 'transient', 'ERR_CONNECTION', true],
  ['ServiceUnavailable', aws('ServiceUnavailable', '', 503), 'transient', 'ERR_CONNECTION', true],
  ['a 502 of a proxy', aws('SyntaxError', 'Unexpected token <', 502), 'transient', 'ERR_CONNECTION', true],
  ['a cut body of success', aws('SyntaxError', 'Unexpected end', 200), 'transient', 'ERR_CONNECTION', true],
  ['an exception nobody knows', aws('BrandNewException', 'so new'), 'fatal', 'ERR_AWS', false],
  ['a page of a captive portal', aws('SyntaxError', 'Unexpected token <', 403), 'fatal', 'ERR_AWS', false],
  ...[
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'EPIPE',
    'HPE_INVALID_CONSTANT',
  ].map((code): (typeof table)[number] => [code, node(code), 'transient', 'ERR_CONNECTION', true]),
  ['a hung-up socket', new Error('socket hang up'), 'transient', 'ERR_CONNECTION', true],
  ['a timeout', timeout, 'transient', 'ERR_CONNECTION', true],
  [
    'a network error as a cause',
    new Error('x', { cause: node('ECONNRESET') }),
    'transient',
    'ERR_CONNECTION',
    true,
  ],
  ['an unknown certificate', node('DEPTH_ZERO_SELF_SIGNED_CERT'), 'fatal', 'ERR_CONNECTION', false],
  ['https to an http port', node('EPROTO', 'SSL: wrong version number'), 'fatal', 'ERR_CONNECTION', false],
  ['a broken TLS record', node('EPROTO', 'bad record mac'), 'transient', 'ERR_CONNECTION', true],
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
  ['a bug', new TypeError('x is not a function'), 'fatal', 'ERR_INTERNAL', false],
  ['a name out of Object.prototype', aws('constructor'), 'fatal', 'ERR_AWS', false],
  ['a string', 'oops', 'fatal', 'ERR_INTERNAL', false],
  ['nothing', undefined, 'fatal', 'ERR_INTERNAL', false],
];

describe('kinesis/errors', () => {
  for (const [title, error, kind, code, retryable] of table) {
    it(`takes ${title} for ${kind}, ${code}`, () => {
      const classified = classify(error, 'GetRecords on stream s');
      expect(classified).to.be.instanceOf(KinesisError).and.to.be.instanceOf(ShardpoolError);
      expect(classified).to.include({ kind, code, retryable });
      if (error !== undefined) expect(classified.cause).to.equal(error);
    });
  }

  it('says what was done, and how it failed', () => {
    const { message } = classify(aws('LimitExceededException', 'Rate exceeded'), 'ListShards on stream s');
    expect(message).to.equal('ListShards on stream s failed: LimitExceededException: Rate exceeded');
  });

  it('gives the HTTP status where a reply says nothing', () => {
    expect(classify(aws('Unknown', 'UnknownError', 418)).message).to.include('HTTP 418');
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
