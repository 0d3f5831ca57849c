// No child of a reshard is handled before all its parents are done: by the events and by what the handlers saw.

import { expect } from 'chai';
import type { ConsumerRun } from './consumer-run.ts';

export type ShardParents = Readonly<Record<string, readonly string[]>>;

export function expectParentsFirst(run: ConsumerRun, parentsOf: ShardParents): void {
  const { events, reports } = run;
  const order = events
    .filter(({ name }) => name === 'shard:start' || name === 'shard:end')
    .map(({ name, detail }) => `${name} ${(detail as { shardId: string }).shardId}`);
  const batches = reports.of('batch');
  for (const [child, parents] of Object.entries(parentsOf)) {
    expect(
      order.filter((line) => line === `shard:start ${child}`),
      `starts of ${child}`,
    ).to.have.length(1);
    const started = order.indexOf(`shard:start ${child}`);
    const hookRan = reports.of('shard-start').filter(({ shardId }) => shardId === child);
    expect(hookRan, `onShardStart of ${child}`).to.have.length(1);
    const own = batches.filter(({ shardId }) => shardId === child);
    expect(own, `batches of ${child}`).not.to.be.empty;
    const first = Math.min(...own.map(({ startedAt }) => startedAt));
    expect(hookRan[0]!.at, `onShardStart of ${child} before its first batch`).to.be.below(first + 1);
    for (const parent of parents) {
      const ended = order.indexOf(`shard:end ${parent}`);
      expect(ended, `shard:end ${parent} before shard:start ${child}, of ${order.join(', ')}`)
        .to.be.at.least(0)
        .and.below(started);
      const last = Math.max(
        ...batches.filter(({ shardId }) => shardId === parent).map(({ endedAt }) => endedAt),
      );
      expect(last, `last record of ${parent} before the first of ${child}`).to.be.below(first);
      const ends = reports.of('shard-end').filter(({ shardId }) => shardId === parent);
      expect(ends, `onShardEnd of ${parent}`).to.have.length(1);
      expect(ends[0]!.at, `onShardEnd of ${parent} before ${child}`)
        .to.be.below(hookRan[0]!.at)
        .and.above(last - 0.001);
    }
  }
}
