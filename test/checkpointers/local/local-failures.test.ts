// What is wrong with the directory or the file is said at once and clearly; what cannot be written is not applied.

import { expect } from 'chai';
import {
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEnvironment, type Rows } from '../../../src/checkpointers/local/environment.ts';
import { freeBytesOf, networkFileSystemOf } from '../../../src/checkpointers/local/file-system.ts';
import { createLocalLeaseStore } from '../../../src/checkpointers/local/local-lease-store.ts';
import { openLeaseStore } from '../../../src/checkpointers/open-lease-store.ts';
import { type LeaseStore, LeaseStoreError } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { systemTimers } from '../../../src/platform/timers.ts';
import { sessionRow } from '../../contract/lease-store-fixture.ts';
import { rejection } from '../../support/until.ts';

const SCOPE = { application: 'billing', stream: 'orders' };
const SHARD = { shardId: 'a', startsAt: '1', parents: [], position: TRIM_HORIZON };

describe('local lease store, what can be wrong', () => {
  let path: string;
  let opened: LeaseStore[];

  beforeEach(() => {
    path = realpathSync(mkdtempSync(join(tmpdir(), 'shardpool-local-')));
    opened = [];
  });

  afterEach(async () => {
    for (const store of opened) await store.close();
    rmSync(path, { recursive: true, force: true });
  });

  const open = async (): Promise<LeaseStore> => {
    const store = await openLeaseStore({ name: 'local', options: { path } }, SCOPE);
    opened.push(store);
    return store;
  };
  const file = () => join(path, 'leases.mdb');

  const refused = async (message: RegExp, at = path): Promise<void> => {
    const spec = { name: 'local', options: { path: at } } as const;
    const error = await rejection('open', 5_000, openLeaseStore(spec, SCOPE));
    expect(error).to.include({ code: 'ERR_LEASE_STORE' });
    expect(error.message).to.match(message);
    expect(error.message).to.include(at);
  };

  const notApplied = async (write: Promise<unknown>, message: RegExp): Promise<void> => {
    const error = (await rejection('the call', 5_000, write)) as LeaseStoreError;
    expect(error).to.be.instanceOf(LeaseStoreError);
    expect(error).to.include({ code: 'ERR_LEASE_STORE', outcome: 'not-applied' });
    expect(error.message).to.match(message);
  };

  /** Writes to the file as somebody else would. */
  const meddle = async (fn: (rows: Rows) => void): Promise<void> => {
    const parts = { clock: systemClock, timers: systemTimers, patienceMs: 1_000 };
    const { rows, release } = await openEnvironment(path, parts);
    rows.transactionSync(() => fn(rows));
    await release();
  };

  it('a directory that is a file, or that cannot be made', async () => {
    writeFileSync(file(), '');
    await refused(/cannot use .*: (EEXIST|ENOTDIR)/, file());
    await refused(/cannot use .*: (EPERM|EACCES|EROFS)/, '/sys/shardpool');
  });

  it('a file that is not of lmdb', async () => {
    writeFileSync(file(), 'a diary\n'.repeat(2_000));
    await refused(/it is no lmdb file/);
    expect(readFileSync(file(), 'utf8')).to.equal('a diary\n'.repeat(2_000));
  });

  it('a file that was cut short', async () => {
    const store = await open();
    for (let n = 0; n < 100; n += 1) await store.createShard({ ...SHARD, shardId: `shard-${n}` });
    await store.close();
    truncateSync(file(), 16_384);
    await refused(/it was cut short: it has 4 pages/);
    truncateSync(file(), 4_096);
    await refused(/its second page is damaged/);
    truncateSync(file(), 100);
    await refused(/it is no lmdb file/);
  });

  it('an lmdb file of something else, and one of another version', async () => {
    await meddle((rows) => {
      rows.removeSync(Buffer.from('["shardpool"]'));
      rows.putSync(Buffer.from('diary'), 'of Anne', 0);
    });
    await refused(/it holds data of something else, such as 'diary'/);
    // A failed open leaves no hold on the file.
    await meddleRaw((rows) => rows.putSync(Buffer.from('["shardpool"]'), '{"format":2}', 0));
    await refused(/it was written by another version: '{"format":2}'/);
  });

  /** The same for a file that is refused. */
  const meddleRaw = async (fn: (rows: Rows) => void): Promise<void> => {
    const { open: openLmdb } = await import('lmdb');
    const options = { overlappingSync: false, encoding: 'string', keyEncoding: 'binary', useVersions: true };
    const rows = openLmdb(file(), options as object) as unknown as Rows;
    rows.transactionSync(() => fn(rows));
    await rows.close();
  };

  for (const [title, text] of [
    ['no JSON', 'half a r'],
    ['another shape', '{"owner":"me"}'],
    ['a field too many', JSON.stringify({ ...SHARD, owner: null, token: 0, handOffTo: null, more: 1 })],
    ['another type', JSON.stringify({ ...SHARD, owner: null, token: '0', handOffTo: null })],
    ['no position', JSON.stringify({ ...SHARD, position: '7', owner: null, token: 0, handOffTo: null })],
    ['another id', JSON.stringify({ ...SHARD, shardId: 'b', owner: null, token: 0, handOffTo: null })],
  ] as const) {
    it(`a row that is none (${title}) is neither read nor touched, and the others are`, async () => {
      const store = await open();
      await store.createShard({ ...SHARD, shardId: 'good' });
      await meddle((rows) => rows.putSync(Buffer.from('["billing","orders","shard","a"]'), text, 0));
      const message =
        /something else than a row of kind 'shard' under the key \["billing","orders","shard","a"\]/;
      await notApplied(store.readAll(), message);
      await notApplied(store.readShard('a'), message);
      const bad = notApplied(store.createShard(SHARD), message);
      const good = store.createShard({ ...SHARD, shardId: 'another' });
      await bad;
      expect((await good).applied).to.equal(true);
      await meddle((rows) =>
        expect(rows.get(Buffer.from('["billing","orders","shard","a"]'))).to.equal(text),
      );
    });
  }

  it('an app row that is none: nothing that would count a change is written', async () => {
    const store = await open();
    await meddle((rows) => rows.putSync(Buffer.from('["billing","orders","app"]'), '[]', 0));
    await notApplied(store.createShard(SHARD), /kind 'app'/);
    expect(await store.readShard('a')).to.equal(null);
    expect((await store.createSession(sessionRow('me'))).applied).to.equal(true);
  });

  it('names that are too long for a key', async () => {
    const store = await open();
    await notApplied(store.createShard({ ...SHARD, shardId: 'x'.repeat(3_000) }), /too long together/);
    const scope = { application: 'é'.repeat(1_000), stream: 'orders' };
    await notApplied(createLocalLeaseStore({ path }, scope).open(), /too long together/);
  });

  it('a file that was removed or replaced while it was in use is not written any more', async () => {
    const store = await open();
    renameSync(file(), `${file()}-away`);
    await notApplied(store.createShard(SHARD), /was removed or replaced/);
    writeFileSync(file(), '');
    await notApplied(store.createShard(SHARD), /was removed or replaced/);
    rmSync(file());
    renameSync(`${file()}-away`, file());
    expect((await store.createShard(SHARD)).applied).to.equal(true);
  });

  it('no room on the disk: not applied, and reads go on; with room again it is written', async () => {
    let free: number | null = 2 ** 20;
    const store = createLocalLeaseStore({ path }, SCOPE, {
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      freeBytes: (directory) => (expect(directory).to.equal(path), free),
    });
    opened.push(store);
    await store.open();
    await notApplied(store.createShard(SHARD), /No room for .*: the file system has 1048576 bytes left/);
    expect((await store.readAll()).shards).to.deep.equal([]);
    free = null;
    expect((await store.createShard(SHARD)).applied).to.equal(true);
  });

  it('the room that there is', () => {
    expect(freeBytesOf(path)).to.be.above(0);
    expect(freeBytesOf(join(path, 'missing'))).to.equal(null);
    expect(networkFileSystemOf(path)).to.equal(null);
  });

  it('calls before open and after close are not applied', async () => {
    const store = createLocalLeaseStore({ path }, SCOPE);
    await notApplied(store.readTick(), /not open yet/);
    await store.open();
    const pending = store.createSession(sessionRow('me'));
    await store.close();
    expect((await pending).applied).to.equal(true);
    await notApplied(store.end('me'), /closed/);
    await notApplied(store.open(), /closed/);
  });
});
