// Errors over ports: name, code, message, stack, cause and whether a retry helps survive the way.

import { expect } from 'chai';
import {
  decodeError,
  encodeError,
  ERROR_CODES,
  type ErrorCode,
  ShardpoolError,
} from '../../src/model/errors.ts';

const overPort = (error: unknown): Error => decodeError(structuredClone(encodeError(error)));

describe('errors over ports', () => {
  it('every code of the library comes back as ShardpoolError', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      for (const retryable of [true, false]) {
        const sent = new ShardpoolError(code, `message of ${code}`, { retryable });
        const received = overPort(sent);
        expect(received).to.be.instanceOf(ShardpoolError);
        expect(received).to.include({ code, retryable, message: sent.message, stack: sent.stack });
      }
    }
  });

  it('other errors keep name, code and message', () => {
    const sent = Object.assign(new RangeError('too far'), { code: 'ERR_OF_SOMEBODY' });
    const received = overPort(sent);
    expect(received).to.not.be.instanceOf(ShardpoolError);
    expect(received).to.include({ name: 'RangeError', message: 'too far', code: 'ERR_OF_SOMEBODY' });
    expect(received.stack).to.equal(sent.stack);
    expect(Object.keys(received)).to.not.include('name');
  });

  it('causes come along, codes and all', () => {
    const root = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const middle = new Error('fetch failed', { cause: root });
    const received = overPort(new ShardpoolError('ERR_CONNECTION', 'no answer', { cause: middle }));
    expect(received.cause).to.be.instanceOf(Error).and.to.include({ message: 'fetch failed' });
    expect((received.cause as Error).cause).to.include({ message: 'connect', code: 'ECONNREFUSED' });
  });

  it('a ring of causes ends', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    let depth = 0;
    for (let error: unknown = overPort(a); error instanceof Error; error = error.cause) depth += 1;
    expect(depth).to.equal(5);
  });

  it('whatever was thrown becomes an error', () => {
    for (const [thrown, message] of [
      ['text', 'text'],
      [42, '42'],
      [null, 'null'],
      [undefined, 'undefined'],
      [{ some: 'object' }, '[object Object]'],
    ] as const) {
      expect(overPort(thrown)).to.be.instanceOf(Error).and.to.include({ message });
    }
  });

  it('a code that is no string is left out', () => {
    expect(encodeError(Object.assign(new Error('x'), { code: 7 })).code).to.equal(null);
  });

  it('what has no cause gets none', () => {
    expect(overPort(new Error('alone')).cause).to.equal(undefined);
    expect('cause' in new ShardpoolError('ERR_AWS', 'x')).to.equal(false);
  });
});
