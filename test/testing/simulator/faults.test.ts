import { expect } from 'chai';
import { ShardpoolError } from '../../../src/model/errors.ts';
import { type Fault, resolveFault } from '../../../src/testing/simulator/fault-options.ts';
import { FaultScript } from '../../../src/testing/simulator/faults.ts';
import { SHARD_0, SHARD_1 } from './desk-account.ts';

const THROTTLE = 'ProvisionedThroughputExceededException';
const target = (stream: string | null, shardId: string | null = null) => ({ stream, shardId });

function scriptOf(faults: Fault[], random?: () => number): FaultScript {
  const script = new FaultScript(random);
  for (const fault of faults) script.add(resolveFault(fault));
  return script;
}

describe('simulator/faults', () => {
  it('hits only calls that match, and only so many times', () => {
    const script = scriptOf([
      { operation: 'GetRecords', stream: 's', shardId: SHARD_0, times: 2, error: THROTTLE },
    ]);
    const error = (...call: Parameters<FaultScript['judge']>) => script.judge(...call).error;
    expect(error('GetShardIterator', target('s', SHARD_0))).to.equal(null);
    expect(error('GetRecords', target('other', SHARD_0))).to.equal(null);
    expect(error('GetRecords', target('s', SHARD_1))).to.equal(null);
    expect(error('GetRecords', target('s', SHARD_0))).to.equal(THROTTLE);
    expect(error('GetRecords', target('s', SHARD_0))).to.equal(THROTTLE);
    expect(error('GetRecords', target('s', SHARD_0))).to.equal(null);
  });

  it('uses faults in the order they were added', () => {
    const script = scriptOf([
      { times: 1, error: 'InternalFailure' },
      { times: 1, error: THROTTLE },
    ]);
    const seen = [1, 2, 3].map(() => script.judge('ListShards', target('s')).error);
    expect(seen).to.deep.equal(['InternalFailure', THROTTLE, null]);
  });

  it('hits with the given probability, and a miss does not count', () => {
    const draws = [0.9, 0.1, 0.9, 0.1];
    const script = scriptOf([{ probability: 0.5, times: 1, error: THROTTLE }], () => draws.shift() ?? 1);
    const seen = [1, 2, 3].map(() => script.judge('ListShards', target('s')).error);
    expect(seen).to.deep.equal([null, THROTTLE, null]);
  });

  it('fails entries of one shard, and is used up by calls in which it failed some', () => {
    const script = scriptOf([{ operation: 'PutRecords', shardId: SHARD_0, partial: true, times: 1 }]);
    const harmless = script.judge('PutRecords', target('s'));
    expect(harmless.failEntry?.(SHARD_1)).to.equal(null);
    const hit = script.judge('PutRecords', target('s'));
    expect([SHARD_0, SHARD_1, SHARD_0].map((id) => hit.failEntry?.(id))).to.deep.equal([
      THROTTLE,
      null,
      THROTTLE,
    ]);
    expect(script.judge('PutRecords', target('s')).failEntry).to.equal(null);
  });

  it('counts a call once, however many of its entries it failed', () => {
    const script = scriptOf([{ operation: 'PutRecords', partial: true, times: 2 }]);
    for (let call = 0; call < 2; call += 1) {
      const verdict = script.judge('PutRecords', target('s'));
      expect([1, 2, 3].map(() => verdict.failEntry?.(SHARD_0))).to.deep.equal([THROTTLE, THROTTLE, THROTTLE]);
    }
    expect(script.judge('PutRecords', target('s')).failEntry).to.equal(null);
  });

  it('lets the first calls that match pass, and counts no others among them', () => {
    const script = scriptOf([
      { operation: 'GetRecords', shardId: SHARD_0, after: 2, times: 1, error: THROTTLE },
    ]);
    const ask = (shardId: string) => script.judge('GetRecords', target('s', shardId)).error;
    const seen = [SHARD_0, SHARD_1, SHARD_0, SHARD_1, SHARD_0, SHARD_0].map(ask);
    expect(seen).to.deep.equal([null, null, null, null, THROTTLE, null]);
  });

  it('lets whole calls pass before it fails entries', () => {
    const script = scriptOf([{ operation: 'PutRecords', partial: true, after: 1 }]);
    expect(script.judge('PutRecords', target('s')).failEntry).to.equal(null);
    expect(script.judge('PutRecords', target('s')).failEntry?.(SHARD_0)).to.equal(THROTTLE);
  });

  const READ = { operation: 'GetRecords' } as const;
  for (const [fault, wire, carriedOut] of [
    [{ reset: 'connect' }, { type: 'reset', at: 'connect' }, false],
    [{ reset: 'headers' }, { type: 'reset', at: 'headers' }, true],
    [{ reset: 'body' }, { type: 'reset', at: 'body' }, true],
    [{ stall: 'headers' }, { type: 'stall', at: 'headers' }, false],
    [{ stall: 'body' }, { type: 'stall', at: 'body' }, true],
    [{ truncate: true }, { type: 'truncate' }, true],
    [{ slowBytesPerSecond: 9 }, { type: 'slow', bytesPerSecond: 9 }, true],
    [{ reply: 'html' }, { type: 'strange', reply: 'html' }, false],
    [{ reply: 'empty' }, { type: 'strange', reply: 'empty' }, false],
    [{ reply: 'garbage' }, { type: 'strange', reply: 'garbage' }, false],
    [{ reply: 'wrong-type' }, { type: 'strange', reply: 'wrong-type' }, true],
    [{ lostReply: true }, { type: 'reset', at: 'connect' }, true],
    [{ lostReply: true, stall: 'headers' }, { type: 'stall', at: 'headers' }, true],
    [{ lostReply: true, reply: 'html' }, { type: 'strange', reply: 'html' }, true],
    [{ delayMs: 1 }, null, true],
    [{ truncate: false, error: THROTTLE }, null, true],
  ] as const satisfies readonly (readonly [Fault, unknown, boolean])[]) {
    it(`${carriedOut ? 'carries out' : 'does not carry out'} a call with ${JSON.stringify(fault)}`, () => {
      const verdict = scriptOf([{ ...READ, ...fault }]).judge('GetRecords', target('s', SHARD_0));
      expect(verdict).to.deep.include({ wire, carriedOut });
    });
  }

  it('says what it expected of a fault that makes no sense', () => {
    const wrong: [fault: unknown, message: RegExp][] = [
      [{}, /^Expected `fault` to be an object with `delayMs`, `lostReply` or one of error, reset, /],
      [{ truncate: false }, /^Expected `fault` to be an object with `delayMs`/],
      [{ reset: 'tail' }, /^Expected `reset` to be 'connect' or 'headers' or 'body', got `'tail'`/],
      [{ stall: 'connect' }, /^Expected `stall` to be 'headers' or 'body'/],
      [{ reply: 'json' }, /^Expected `reply` to be 'html' or 'empty' or 'garbage' or 'wrong-type'/],
      [{ truncate: 1 }, /^Expected `truncate` to be true or false/],
      [{ slowBytesPerSecond: 0 }, /^Expected `slowBytesPerSecond` to be an integer from 1 to /],
      [{ error: THROTTLE, after: -1 }, /^Expected `after` to be an integer from 0 up/],
      [{ error: THROTTLE, probability: 2 }, /^Expected `probability` to be a number from 0 to 1/],
      [{ error: THROTTLE, stall: 'body' }, /^Expected `fault` to be an object with one of error, stall only/],
      [{ lostReply: true, error: THROTTLE }, /^Expected `lostReply` to be left out with `error: Prov/],
      [{ lostReply: true, reset: 'body' }, /^Expected `lostReply` to be left out with `reset: body`/],
      [
        { operation: 'PutRecords', partial: true, reset: 'body' },
        /^Expected `fault` to be an object with `error` only beside `partial`/,
      ],
      [
        { operation: 'ListShards', shardId: SHARD_0, delayMs: 1 },
        /^Expected `shardId` to be left out: ListShards/,
      ],
      [{ operation: 'PutRecords', shardId: SHARD_0, lostReply: true }, /^Expected `shardId` to be left out/],
      [{ stal: 'body' }, /^Expected `fault` to be an object with the keys .*got `'stal'`/],
    ];
    for (const [fault, message] of wrong) {
      expect(() => resolveFault(fault as Fault), JSON.stringify(fault))
        .to.throw(ShardpoolError, message)
        .with.property('code', 'ERR_INVALID_OPTION');
    }
  });

  it('forgets everything on clear', () => {
    const script = scriptOf([{ error: THROTTLE }]);
    script.clear();
    expect(script.judge('ListShards', target('s')).error).to.equal(null);
  });
});
