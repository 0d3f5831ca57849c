// Errors of calls to DynamoDB, one by one; the ones that a server can be made to give are tested on the store.

import { expect } from 'chai';
import { failure, unanswered } from '../../../src/checkpointers/dynamodb/dynamodb-errors.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { LeaseStoreError } from '../../../src/model/lease-store.ts';

const errorOf = (fields: object): Error => Object.assign(new Error('because'), fields);

describe('errors of DynamoDB', () => {
  const NEVER_SENT = [
    errorOf({ code: 'ECONNREFUSED', syscall: 'connect' }),
    errorOf({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
    errorOf({ code: 'ETIMEDOUT', syscall: 'connect', name: 'TimeoutError' }),
    errorOf({ code: 'CERT_HAS_EXPIRED' }),
    errorOf({
      name: 'TimeoutError',
      message: 'the request socket did not establish a connection with the server',
    }),
    errorOf({
      code: 'ECONNRESET',
      message: 'Client network socket disconnected before secure TLS connection was established',
    }),
    new AggregateError([errorOf({ code: 'ECONNREFUSED', syscall: 'connect' })]),
    new Error('outer', { cause: errorOf({ code: 'ECONNREFUSED', syscall: 'connect' }) }),
    new ShardpoolError('ERR_CREDENTIALS', 'none'),
  ];
  for (const error of NEVER_SENT) {
    it(`not sent: ${error.name} ${(error as { code?: string }).code ?? ''} ${error.message}`, () => {
      expect(failure(error, 'write', 'A')).to.have.property('outcome', 'not-applied');
    });
  }

  const MAYBE_APPLIED: readonly unknown[] = [
    errorOf({ code: 'ECONNRESET', syscall: 'read' }),
    errorOf({ code: 'ETIMEDOUT', syscall: 'read', name: 'TimeoutError' }),
    errorOf({ code: 'EPIPE' }),
    errorOf({ message: 'socket hang up' }),
    errorOf({ name: 'TimeoutError' }),
    errorOf({ name: 'AbortError' }),
    errorOf({ name: 'Unheard' }),
    undefined,
    null,
    'a string',
    42,
    {},
  ];
  for (const error of MAYBE_APPLIED) {
    it(`may have been applied: ${String(error)} ${(error as { code?: string } | null)?.code ?? ''}`, () => {
      const failed = failure(error, 'write', 'A');
      expect(failed).to.be.instanceOf(LeaseStoreError).and.to.have.property('outcome', 'unknown');
      expect(failed.message).to.match(/^A failed: /);
      expect(failure(error, 'read', 'A')).to.have.property('outcome', 'not-applied');
    });
  }

  it('shows the first line only: what AWS signed follows it', () => {
    const error = errorOf({
      name: 'InvalidSignatureException',
      message: 'Does not match.\n\nThe String-to-Sign is ...',
    });
    expect(failure(error, 'read', 'A').message).to.match(
      /^A failed: InvalidSignatureException: Does not match\. Check/,
    );
  });

  it('says which option is at fault where there is no region', () => {
    const failed = failure(new Error('Region is missing'), 'open', 'A');
    expect(failed).to.include({ code: 'ERR_INVALID_OPTION', retryable: false });
    expect(failed.message).to.match(
      /^No AWS region for the dynamodb checkpointer: set `checkpointer\.region`/,
    );
    expect(failure(new Error('Region is missing'), 'write', 'A')).to.include({
      code: 'ERR_LEASE_STORE',
      outcome: 'not-applied',
    });
  });

  it('keeps what is told already, and the cause of the rest', () => {
    const told = unanswered('write', 'late');
    expect(failure(told, 'write', 'A')).to.equal(told);
    const cause = errorOf({ code: 'EPIPE' });
    expect(failure(cause, 'write', 'A').cause).to.equal(cause);
  });
});
