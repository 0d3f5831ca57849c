// A process that is stopped in the middle of a transaction has the writer's lock: nobody waits for it without an end.

import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createLocalLeaseStore } from '../../../src/checkpointers/local/local-lease-store.ts';
import { LeaseStoreError, type LeaseStore } from '../../../src/model/lease-store.ts';
import { TRIM_HORIZON } from '../../../src/model/position.ts';
import { sessionRow } from '../../contract/lease-store-fixture.ts';
import { LocalProgram } from '../../support/local-contenders.ts';
import { rejection, within } from '../../support/until.ts';

const SCOPE = { application: 'billing', stream: 'orders' };
const ME = 'me#1';

describe('local lease store, a writer that was stopped', () => {
  let path: string;
  let store: LeaseStore;
  let stopped: LocalProgram;

  beforeEach(async () => {
    path = mkdtempSync(join(tmpdir(), 'shardpool-local-'));
    store = createLocalLeaseStore({ path }, SCOPE);
    await store.open();
    await store.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON });
    await store.createSession(sessionRow(ME));
    stopped = new LocalProgram('stopped-writer', { path });
    await stopped.lineCount('it has the lock', 1);
  });

  afterEach(async () => {
    await stopped.kill();
    await store.close();
    rmSync(path, { recursive: true, force: true });
  });

  const beat = (n: number) => store.beat({ session: ME, beat: n, state: 'live', maxShards: null });

  it('a write ends in time, is not applied, and says who holds the lock; reads go on; so do writes when the holder does', async () => {
    const begun = performance.now();
    const late = rejection('the beat', 3_000, beat(1));
    const later = rejection('the write', 5_000, store.end(ME));
    const error = (await late) as LeaseStoreError;
    expect(error).to.be.instanceOf(LeaseStoreError);
    expect(error.outcome).to.equal('not-applied');
    expect(error.retryable).to.equal(true);
    expect(error.message).to.match(new RegExp(`of process ${stopped.child.pid}, which is stopped, holds`));
    expect(performance.now() - begun).to.be.within(1_900, 2_900);
    expect((await store.readTick()).sessions).to.deep.equal([sessionRow(ME)]);
    expect(((await later) as LeaseStoreError).outcome).to.equal('not-applied');
    expect(performance.now() - begun).to.be.within(3_900, 4_900);

    const waiting = beat(2);
    stopped.child.kill('SIGCONT');
    expect((await within('the beat', 2_000, waiting)).applied).to.equal(true);
    expect(await stopped.end()).to.equal(0);
    expect(stopped.lines.at(-1)).to.equal('done');
  });

  it('killed instead, it leaves nothing behind, and the next write goes through', async () => {
    const waiting = beat(1);
    await stopped.kill();
    expect((await within('the beat', 2_000, waiting)).applied).to.equal(true);
    expect((await store.readAll()).sessions).to.deep.equal([sessionRow(ME, { beat: 1 })]);
  });

  it('opening fails in time, and says why', async () => {
    await store.close();
    const another = createLocalLeaseStore({ path }, SCOPE);
    const error = await rejection('open', 6_000, another.open());
    expect(error).to.include({ code: 'ERR_LEASE_STORE' });
    expect(error.message).to.match(new RegExp(`of process ${stopped.child.pid}, which is stopped, holds`));
    stopped.child.kill('SIGCONT');
    expect(await stopped.end()).to.equal(0);
    await another.open();
    await another.close();
  });

  it('closing waits no longer than the writes that were called before', async () => {
    const late = rejection('the beat', 3_000, beat(1));
    await within('close', 3_000, store.close());
    await late;
  });
});

it('local lease store: a thread that is terminated while it draws up a write holds nobody up', async () => {
  const path = mkdtempSync(join(tmpdir(), 'shardpool-local-'));
  const store = createLocalLeaseStore({ path }, SCOPE);
  await store.open();
  const file = new URL('programs/endless-step.js', import.meta.url);
  const thread = new Worker(file, { workerData: { path, scope: SCOPE } });
  await once(thread, 'message');
  expect((await within('a write', 2_000, store.createSession(sessionRow(ME)))).applied).to.equal(true);
  await within('its end', 5_000, thread.terminate());
  expect((await within('a write', 2_000, store.end(ME))).applied).to.equal(true);
  await store.close();
  rmSync(path, { recursive: true, force: true });
});
