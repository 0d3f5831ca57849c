// Hash keys against values of AWS and of MD5.

import { expect } from 'chai';
import { ShardpoolError } from '../../src/model/errors.ts';
import { hashKeyOf, MAX_HASH_KEY, parseHashKey } from '../../src/sending/hash-key.ts';

describe('hashKeyOf', () => {
  it('is the MD5 of the UTF-8 partition key as a big-endian number', () => {
    expect(hashKeyOf('a', null)).to.equal(0x0cc175b9c0f1b6a831c399e269772661n);
    expect(hashKeyOf('', null)).to.equal(0xd41d8cd98f00b204e9800998ecf8427en);
    // printf 'zürich✓' | md5sum
    expect(hashKeyOf('z\u00fcrich\u2713', null)).to.equal(0x2f673565061e1bc4c5248712ccce3fean);
  });

  it('is the explicit hash key where there is one', () => {
    expect(hashKeyOf('a', '12')).to.equal(12n);
  });
});

describe('parseHashKey', () => {
  it('takes the whole range', () => {
    expect(parseHashKey('0')).to.equal(0n);
    expect(parseHashKey('340282366920938463463374607431768211455')).to.equal(MAX_HASH_KEY);
  });

  for (const text of [
    '',
    '-1',
    '01',
    '1.5',
    ' 1',
    '0x10',
    '1e3',
    '340282366920938463463374607431768211456',
    '9'.repeat(40),
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseHashKey(text))
        .to.throw(ShardpoolError, 'explicitHashKey')
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
