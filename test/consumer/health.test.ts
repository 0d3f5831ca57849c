// Health: one problem for each thing that does not go on, with its cause.

import { expect } from 'chai';
import { HEALTH_PROBLEMS, type HealthView, toHealth } from '../../src/consumer/health.ts';

const WELL = {
  leaseRemainingMs: 8_000,
  storeReadAgoMs: 900,
  storeError: null,
  unassigned: [],
  stalled: [],
} satisfies HealthView['status'];

const health = (view: Partial<HealthView>) =>
  toHealth({ isReady: true, status: WELL, leaseDurationMs: 10_000, ...view });

describe('health', () => {
  it('all is well', () => {
    expect(health({})).to.deep.equal({ healthy: true, problems: [] });
  });

  const storeError = {
    name: 'Error',
    message: 'no route',
    code: null,
    stack: null,
    retryable: true,
  } as never;
  const cases: readonly [keyof typeof HEALTH_PROBLEMS, Partial<HealthView>, RegExp][] = [
    ['not-running', { isReady: false, status: null }, /not started/],
    ['coordinator-silent', { status: null }, /does not answer/],
    ['session-lost', { status: { ...WELL, leaseRemainingMs: 0, storeError } }, /its last error: no route/],
    ['store-unreachable', { status: { ...WELL, storeReadAgoMs: 5_001 } }, /half a lease$/],
    ['shards-stalled', { status: { ...WELL, stalled: ['a'] } }, /: a$/],
    [
      'shards-unassigned',
      { status: { ...WELL, unassigned: ['a', 'b', 'c', 'd', 'e'] } },
      /: a, b, c and 2 more$/,
    ],
  ];
  for (const [name, view, message] of cases) {
    it(name, () => {
      const { healthy, problems } = health(view);
      expect(healthy).to.equal(false);
      expect(problems.map((problem) => problem.name)).to.deep.equal([name]);
      expect(problems[0]!.message).to.match(message);
    });
  }

  it('every problem has a case here', () => {
    expect(cases.map(([name]) => name).toSorted()).to.deep.equal(Object.keys(HEALTH_PROBLEMS).toSorted());
  });

  it('several at once are all named', () => {
    const status = { ...WELL, leaseRemainingMs: -1, storeReadAgoMs: 60_000, stalled: ['a'] };
    expect(health({ status }).problems.map(({ name }) => name)).to.deep.equal([
      'session-lost',
      'store-unreachable',
      'shards-stalled',
    ]);
  });
});
