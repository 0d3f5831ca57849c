import { expect } from 'chai';
import { FaultScript } from '../../../src/testing/simulator/faults.ts';
import { type Fault, resolveFault } from '../../../src/testing/simulator/options.ts';
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

  it('forgets everything on clear', () => {
    const script = scriptOf([{ error: THROTTLE }]);
    script.clear();
    expect(script.judge('ListShards', target('s')).error).to.equal(null);
  });
});
