// Lease store contract: the app row, reading, closing.

import { expect } from 'chai';
import { SCHEMA_VERSION, LeaseStoreError, type SessionRow } from '../../src/model/lease-store.ts';
import { latestPosition, TRIM_HORIZON } from '../../src/model/position.ts';
import { ALICE, BOB, SHARD, sessionRow, shardRow, type LeaseStoreFixture } from './lease-store-fixture.ts';

export function readingContract(fixture: LeaseStoreFixture): void {
  const { refusedWith, givenShard, take, makeStore, exactRev, rev } = fixture;

  describe('app', () => {
    it('is created once: the first one wins and the others get its row', async () => {
      await refusedWith(
        () =>
          fixture.store.createApp({
            schemaVersion: SCHEMA_VERSION,
            leaseDurationMs: 500,
            start: latestPosition(1),
          }),
        { schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start: TRIM_HORIZON, rev: 0 },
      );
    });

    it('has one winner when many create it at once', async () => {
      const fresh = await makeStore();
      await fresh.open();
      const starts = Array.from({ length: 10 }, (_, i) => latestPosition(1_700_000_000_000 + i));
      const results = await Promise.all(
        starts.map((start) =>
          fresh.createApp({ schemaVersion: SCHEMA_VERSION, leaseDurationMs: 10_000, start }),
        ),
      );
      expect(results.filter((result) => result.applied)).to.have.length(1);
      expect(new Set(results.map((result) => result.row!.start)).size).to.equal(1);
      await fresh.close();
    });

    it('is null before it is created', async () => {
      const fresh = await makeStore();
      await fresh.open();
      expect(await fresh.readAll()).to.deep.equal({ app: null, sessions: [], shards: [] });
      await fresh.close();
    });
  });

  describe('reading', () => {
    it('gives all rows, or only those of a tick, or one', async () => {
      await fixture.store.createSession(sessionRow(ALICE));
      await fixture.store.createSession(sessionRow(BOB, { maxShards: 3 }));
      await givenShard();
      const all = await fixture.store.readAll();
      const { sessions } = await fixture.store.readTick();
      const byId = (a: SessionRow, b: SessionRow) => a.session.localeCompare(b.session);
      expect([...all.sessions].sort(byId)).to.deep.equal([
        sessionRow(ALICE),
        sessionRow(BOB, { maxShards: 3 }),
      ]);
      expect([...sessions].sort(byId)).to.deep.equal([...all.sessions].sort(byId));
      expect(all.shards).to.deep.equal([shardRow()]);
      expect(await fixture.store.readSession(BOB)).to.deep.equal(sessionRow(BOB, { maxShards: 3 }));
      expect(await fixture.store.readShard(SHARD)).to.deep.equal(shardRow());
    });

    it('gives null for a row that is not there', async () => {
      expect(await fixture.store.readSession(ALICE)).to.equal(null);
      expect(await fixture.store.readShard(SHARD)).to.equal(null);
    });

    it('gives rows that share nothing with the store nor with what was written', async () => {
      const parents = ['parent-1'];
      await fixture.store.createShard({ shardId: SHARD, startsAt: '1', parents, position: TRIM_HORIZON });
      parents.push('parent-2');
      const row = (await fixture.store.readShard(SHARD)) as unknown as {
        owner: string | null;
        parents: string[];
      };
      // A frozen row throws here, which is as good.
      try {
        row.owner = BOB;
      } catch {}
      try {
        row.parents.push('parent-3');
      } catch {}
      expect(await fixture.store.readShard(SHARD)).to.deep.equal(shardRow({ parents: ['parent-1'] }));
    });

    it('gives a row as it was, though a later write changes it', async () => {
      await givenShard();
      const before = await fixture.store.readShard(SHARD);
      const all = await fixture.store.readAll();
      await take(ALICE, 1);
      expect(before).to.deep.equal(shardRow());
      expect(all.shards).to.deep.equal([shardRow()]);
    });
  });

  it('counts one change per applied write when several run at once', async () => {
    const before = await rev();
    const ids = Array.from({ length: 30 }, (_, i) => `shard-${i}`);
    await Promise.all(
      ids.map((shardId) =>
        fixture.store.createShard({ shardId, startsAt: '1', parents: [], position: TRIM_HORIZON }),
      ),
    );
    if (exactRev) expect(await rev()).to.equal(before + ids.length);
    expect((await fixture.store.readAll()).shards.map((row) => row.shardId).sort()).to.deep.equal(
      [...ids].sort(),
    );
  });

  it('can be closed twice; a call after that rejects with a LeaseStoreError', async () => {
    await fixture.store.close();
    await fixture.store.close();
    const error: unknown = await fixture.store.readTick().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(LeaseStoreError);
  });
}
