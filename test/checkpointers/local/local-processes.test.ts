// Several processes on one local store: one winner of each take, exact `rev`, and nothing that was acknowledged is lost when they
// are killed or stopped at any moment.

import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalLeaseStore } from '../../../src/checkpointers/local/local-lease-store.ts';
import type { LeaseStore } from '../../../src/model/lease-store.ts';
import { type Position, TRIM_HORIZON } from '../../../src/model/position.ts';
import { type Acknowledged, LocalProgram } from '../../support/local-contenders.ts';

const SCOPE = { application: 'billing', stream: 'orders' };
const SHARDS = ['shard-0', 'shard-1', 'shard-2'];

describe('local lease store, several processes', () => {
  let path: string;
  let store: LeaseStore;

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), 'shardpool-local-'));
    store = createLocalLeaseStore({ path }, SCOPE);
    await store.open();
    await store.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON });
    for (const shardId of SHARDS) {
      await store.createShard({ shardId, startsAt: '1', parents: [], position: TRIM_HORIZON });
    }
  });

  afterEach(async () => {
    await store.close();
    rmSync(path, { recursive: true, force: true });
  });

  const contender = (name: string, rounds: number | null) =>
    new LocalProgram('contender', { name, path, scope: SCOPE, shards: SHARDS, rounds });

  /** @param unheard takes and releases that may have been applied without a word, because their writer was killed. */
  const check = async (acknowledged: readonly Acknowledged[], unheard: number): Promise<void> => {
    const { app, shards } = await store.readAll();
    const moved = acknowledged.filter(({ write }) => write === 'take' || write === 'release').length;
    expect(app!.rev).to.be.within(SHARDS.length + moved, SHARDS.length + moved + unheard);
    const takes = acknowledged.filter((line) => line.write === 'take');
    const won = new Set(takes.map(({ shardId, token }) => `${shardId} ${token}`));
    expect(won.size, 'two winners of one take').to.equal(takes.length);
    for (const line of acknowledged) {
      if (line.write !== 'checkpoint' && line.write !== 'release' && line.write !== 'take') continue;
      const row = shards.find(({ shardId }) => shardId === line.shardId)!;
      expect(row.token, `token of ${line.shardId}`).to.be.at.least(line.token);
      if (line.write !== 'take') {
        expect(row.position >= (line.position as Position), `position of ${line.shardId}`).to.equal(true);
      }
    }
  };

  it('each take has one winner, rev counts each change, and no acknowledged write is missing', async () => {
    const ROUNDS = 100;
    await using one = contender('one', ROUNDS);
    await using two = contender('two', ROUNDS);
    await using three = contender('three', ROUNDS);
    await using four = contender('four', ROUNDS);
    const all = [one, two, three, four];
    for (const each of all) expect(await each.end(), each.stderr).to.equal(0);
    const acknowledged = all.flatMap((each) => each.acknowledged);
    expect(acknowledged.filter(({ write }) => write === 'failed')).to.deep.equal([]);
    expect(acknowledged.filter(({ write }) => write === 'beat')).to.have.length(4 * ROUNDS);
    await check(acknowledged, 0);
    const { sessions } = await store.readTick();
    expect(sessions.map(({ beat }) => beat)).to.deep.equal([ROUNDS, ROUNDS, ROUNDS, ROUNDS]);
  });

  it('killed at any moment: what was acknowledged stays, and the others go on', async () => {
    await using steady = contender('steady', null);
    await steady.lineCount('the steady one wrote', 10);
    const acknowledged: Acknowledged[] = [];
    const KILLS = 12;
    for (let kill = 0; kill < KILLS; kill += 1) {
      await using doomed = contender(`doomed-${kill}`, null);
      await doomed.lineCount('the doomed one wrote', 2 + kill * 3);
      await doomed.kill();
      acknowledged.push(...doomed.acknowledged);
      const before = steady.lines.length;
      await steady.lineCount('the steady one went on', before + 5);
    }
    await steady.kill();
    acknowledged.push(...steady.acknowledged);
    expect(acknowledged.filter(({ write }) => write === 'failed')).to.deep.equal([]);
    // Each had at most one write of each shard under way.
    await check(acknowledged, (KILLS + 1) * SHARDS.length);
  });

  it('stopped at any moment and continued: nothing is lost, and nobody is held up for good', async () => {
    await using steady = contender('steady', null);
    await using paused = contender('paused', null);
    await paused.lineCount('the paused one wrote', 5);
    for (let pause = 0; pause < 15; pause += 1) {
      paused.child.kill('SIGSTOP');
      await sleep(20);
      paused.child.kill('SIGCONT');
      await steady.lineCount('the steady one went on', steady.lines.length + 5);
      await paused.lineCount('the paused one went on', paused.lines.length + 5);
    }
    await Promise.all([steady.kill(), paused.kill()]);
    const acknowledged = [...steady.acknowledged, ...paused.acknowledged];
    expect(acknowledged.filter(({ write }) => write === 'failed')).to.deep.equal([]);
    await check(acknowledged, 2 * SHARDS.length);
  });
});
