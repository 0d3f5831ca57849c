// The demo can fail: every kind of wrong outcome is counted and reported.

import { expect } from 'chai';
import type { Block } from '../../../src/cli/demo/blocks.ts';
import { digestOf } from '../../../src/cli/demo/digest.ts';
import type { DirectWalk } from '../../../src/cli/demo/direct-walk.ts';
import type { HandledBlock } from '../../../src/cli/demo/handled.ts';
import { reportOn } from '../../../src/cli/demo/report.ts';
import { Tally } from '../../../src/cli/demo/tally.ts';

const BLOCKS: readonly Block[] = [
  { path: 'a/1', offset: 0, length: 10, key: 'a' },
  { path: 'b/1', offset: 0, length: 20, key: 'b' },
  { path: 'a/2', offset: 0, length: 30, key: 'a' },
];
const STATS = {
  queued: 0,
  queuedBytes: 0,
  waiting: 0,
  requestsInFlight: 0,
  requests: 1,
  acknowledged: 3,
  failed: 0,
  retried: 0,
  throttled: 0,
  failedRequests: 0,
};

const handled = (block: Block, change: Partial<HandledBlock> = {}): HandledBlock => ({
  ...block,
  sequenceNumber: '1',
  hash: `hash of ${block.path}`,
  problem: null,
  ...change,
});

/** The tally after those blocks, by their places, and the failure that the report names. */
function outcome(...came: HandledBlock[]): { tally: Tally; failure: string | null; text: string } {
  const tally = new Tally(BLOCKS);
  for (const block of came) tally.add({ thread: 0, shardId: 's', blocks: [block] });
  const digest = digestOf(BLOCKS.map((block) => ({ ...block, hash: `hash of ${block.path}` })));
  const walk: DirectWalk = { digest, blocks: BLOCKS.length, bytes: 60, changed: new Map() };
  const report = reportOn({ tally, changes: [], elapsedMs: 1000, writer: STATS }, walk, 10, {
    files: [],
    skipped: [],
  });
  return { tally, failure: report.failure, text: report.lines.join('\n') };
}

const [first, second, third] = BLOCKS.map((block) => handled(block)) as [
  HandledBlock,
  HandledBlock,
  HandledBlock,
];

describe('cli: the tally of the demo', () => {
  it('is content when each block came once, in the order of its key', () => {
    const { tally, failure } = outcome(second, first, third);
    expect(failure).to.equal(null);
    expect(tally.handled).to.deep.equal({ records: 3, bytes: 60 });
    expect([...tally.shards]).to.deep.equal([['s', { records: 3, bytes: 60 }]]);
    expect([...tally.threads]).to.deep.equal([[0, { records: 3, bytes: 60 }]]);
  });

  it('counts what is missing', () => {
    expect(outcome(first, second).failure).to.include('1 records are missing').and.include('digests');
  });

  it('counts duplicates, and takes the first answer', () => {
    const { failure, tally } = outcome(first, second, third, { ...first, hash: 'other' });
    expect(failure).to.equal('1 records came twice');
    expect(tally.handled.records).to.equal(3);
  });

  it('counts records of a key that overtook each other', () => {
    expect(outcome(third, second, first).failure).to.equal('1 records came out of order');
  });

  it('counts records that nobody sent', () => {
    const stranger = { ...first, path: 'c' };
    expect(outcome(first, second, third, stranger).failure).to.equal('1 records came that were never sent');
    const wrongKey = { ...first, key: 'b' };
    expect(outcome(first, second, third, wrongKey).tally.unknown).to.equal(1);
  });

  it('sees a wrong hash in the digest', () => {
    expect(outcome(first, second, { ...third, hash: 'wrong' }).failure).to.equal('the digests are not equal');
  });

  it('fails for a block that could not be read, and says why', () => {
    const { failure, text } = outcome(first, second, { ...third, hash: null, problem: 'EIO' });
    expect(failure).to.equal('the digests are not equal');
    expect(text).to.match(/not readable +1 files or folders\n +a\/2: EIO/);
  });
});
