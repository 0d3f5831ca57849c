// The inbox of one shard: which epochs are heard, what waits, what is dropped.

import { expect } from 'chai';
import { FetchSource } from '../../src/delivery/fetch-source.ts';
import { type InboxItem, ShardInbox } from '../../src/delivery/shard-inbox.ts';
import type { EpochRow } from '../../src/protocol.ts';
import { batchOf } from '../fakes/batches.ts';
import { createFakePort } from '../fakes/ports.ts';

const sources = [0, 1].map((host) => new FetchSource(host, createFakePort<never, never>().port));
const batch = (epoch: number, n: number, host = 0): InboxItem => ({
  type: 'batch',
  epoch,
  source: sources[host]!,
  message: batchOf(0, epoch, n),
});
const end = (epoch: number): InboxItem => ({ type: 'end', epoch, reason: 'requested' });
const row = (epoch: number, host: number | null = 0, token = 1): EpochRow => ({
  shard: 0,
  shardId: 's',
  token,
  epoch,
  generation: 1,
  failures: 0,
  host,
  reason: host === null ? 'lease-lost' : null,
});

/** The epochs of the items that can be handled, in order. */
function take(inbox: ShardInbox): number[] {
  const epochs: number[] = [];
  for (let next = inbox.next(); next !== null; next = inbox.next()) {
    epochs.push(next.item.epoch);
    inbox.shift();
  }
  return epochs;
}

describe('shard inbox', () => {
  it('holds back what comes before the row of its epoch', () => {
    const inbox = new ShardInbox();
    expect(inbox.push(batch(1, 1))).to.equal(true);
    expect(inbox.next()).to.equal(null);
    inbox.epochRow(row(1));
    expect(take(inbox)).to.deep.equal([1]);
  });

  it('refuses a lower epoch once a higher one is current, by a batch or by a row', () => {
    const byBatch = new ShardInbox();
    byBatch.epochRow(row(1));
    expect(byBatch.push(batch(2, 1, 1))).to.equal(true);
    expect(byBatch.push(batch(1, 2))).to.equal(false);
    const byRow = new ShardInbox();
    byRow.epochRow(row(1));
    byRow.epochRow(row(2, 1));
    expect(byRow.push(batch(1, 2))).to.equal(false);
  });

  it('keeps what was received of a dead reader, in front of its successor', () => {
    const inbox = new ShardInbox();
    inbox.epochRow(row(1));
    inbox.push(batch(1, 1));
    inbox.hostGone(0);
    inbox.epochRow(row(2, 1));
    inbox.push(batch(2, 2, 1));
    expect(take(inbox)).to.deep.equal([1, 2]);
  });

  it('drops the queue of a revoked epoch, and refuses what still comes of it', () => {
    const inbox = new ShardInbox();
    inbox.epochRow(row(1));
    inbox.push(batch(1, 1));
    inbox.push(batch(1, 2));
    const { signal } = inbox.next()!;
    expect(inbox.epochRow(row(1, null))).to.have.length(2);
    expect(signal.aborted).to.equal(true);
    expect(inbox.next()).to.equal(null);
    expect(inbox.push(batch(1, 3))).to.equal(false);
  });

  it('a revoke leaves a newer epoch alone that overtook it', () => {
    const inbox = new ShardInbox();
    inbox.epochRow(row(1));
    inbox.push(batch(1, 1));
    inbox.push(batch(2, 2, 1));
    expect(inbox.epochRow(row(1, null))).to.have.length(1);
    inbox.epochRow(row(2, 1, 2));
    expect(take(inbox)).to.deep.equal([2]);
  });

  it('a lease is current until it is revoked, over the epochs of its readers', () => {
    const inbox = new ShardInbox();
    inbox.epochRow(row(1));
    inbox.epochRow(row(2, 1));
    expect(inbox.isCurrent(row(1))).to.equal(true);
    inbox.epochRow(row(2, null));
    expect(inbox.isCurrent(row(1))).to.equal(false);
    inbox.epochRow(row(3, 1, 2));
    expect(inbox.isCurrent(row(1))).to.equal(false);
    expect(inbox.isCurrent(row(3, 1, 2))).to.equal(true);
  });

  it('a new lease has a signal of its own', () => {
    const inbox = new ShardInbox();
    inbox.epochRow(row(1));
    inbox.epochRow(row(1, null));
    inbox.epochRow(row(2, 0, 2));
    inbox.push(batch(2, 1));
    expect(inbox.next()!.signal.aborted).to.equal(false);
  });

  const drained: readonly { title: string; isDrained: boolean; go: (inbox: ShardInbox) => unknown }[] = [
    { title: 'nothing ever came', isDrained: true, go: () => undefined },
    { title: 'a reader that may still send', isDrained: false, go: (inbox) => inbox.epochRow(row(1)) },
    {
      title: 'its end marker in the queue',
      isDrained: false,
      go: (inbox) => [inbox.epochRow(row(1)), inbox.push(end(1))],
    },
    {
      title: 'its end marker taken',
      isDrained: true,
      go: (inbox) => [inbox.epochRow(row(1)), inbox.push(end(1)), inbox.shift()],
    },
    {
      title: 'an end marker that came before the row',
      isDrained: true,
      go: (inbox) => [inbox.push(end(1)), inbox.epochRow(row(1)), inbox.shift()],
    },
    {
      title: 'a reader whose thread is gone',
      isDrained: true,
      go: (inbox) => [inbox.epochRow(row(1)), inbox.hostGone(0)],
    },
    {
      title: 'the successor of a reader whose thread is gone',
      isDrained: false,
      go: (inbox) => [inbox.epochRow(row(1)), inbox.hostGone(0), inbox.epochRow(row(2, 1))],
    },
    {
      title: 'a revoked reader',
      isDrained: true,
      go: (inbox) => [inbox.epochRow(row(1)), inbox.epochRow(row(1, null))],
    },
    {
      title: 'a handler call that goes on',
      isDrained: false,
      go: (inbox) => {
        inbox.busy = true;
      },
    },
  ];
  for (const { title, isDrained, go } of drained) {
    it(`${isDrained ? 'is' : 'is not'} drained with ${title}`, () => {
      const inbox = new ShardInbox();
      go(inbox);
      expect(inbox.isDrained).to.equal(isDrained);
    });
  }
});
