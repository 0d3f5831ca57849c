// The lease store contract finds out wrong stores: mistakes that a database invites, each made on purpose.

import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { createMemoryLeaseStore } from '../../src/checkpointers/memory-lease-store.ts';
import type { LeaseStore, LeaseStoreScope } from '../../src/model/lease-store.ts';
import { isBefore } from '../../src/model/position.ts';
import {
  type LeaseStoreContractOptions,
  leaseStoreCases,
  type MakeLeaseStore,
} from '../../src/testing/index.ts';
import { memoryConnections } from './lease-store-connections.ts';

type Wrong = (store: LeaseStore) => Partial<LeaseStore>;

/** The rows of each scope have the mistake, whichever store reads them. */
const inRows = (wrong: Wrong): MakeLeaseStore =>
  memoryConnections(() => {
    const store = createMemoryLeaseStore();
    return { ...store, ...wrong(store) };
  });

/** Each store over the same rows has the mistake. */
const inConnections = (wrong: Wrong): MakeLeaseStore => {
  const connect = memoryConnections();
  return (scope) => {
    const store = connect(scope);
    return { ...store, ...wrong(store) };
  };
};

const inScopes = (seenAs: (scope: LeaseStoreScope) => LeaseStoreScope): MakeLeaseStore => {
  const connect = memoryConnections();
  return (scope) => connect(seenAs(scope));
};

const joined = (text: string): LeaseStoreScope => ({ application: text, stream: '' });

/** Other names for shards and sessions than were given. */
const inNames = (named: (name: string) => string): MakeLeaseStore =>
  inRows((store) => ({
    createShard: (write) => store.createShard({ ...write, shardId: named(write.shardId) }),
    readShard: (shardId) => store.readShard(named(shardId)),
    createSession: (row) => store.createSession({ ...row, session: named(row.session) }),
    readSession: (session) => store.readSession(named(session)),
  }));

/** The group that finds it, and the store. */
const WRONG: Readonly<Record<string, readonly [group: string, make: MakeLeaseStore]>> = {
  'a take that reads, and writes later': [
    'races',
    inRows((store) => ({
      async take(write) {
        const seen = await store.readShard(write.shardId);
        if (seen?.owner !== write.seenOwner || seen.token !== write.seenToken) return store.take(write);
        await setImmediate();
        const now = await store.readShard(write.shardId);
        return store.take({ ...write, seenOwner: now!.owner, seenToken: now!.token });
      },
    })),
  ],
  'a checkpoint that reads, and writes later': [
    'races',
    inRows((store) => ({
      async checkpoint(write) {
        const seen = await store.readShard(write.shardId);
        if (seen?.owner !== write.me || seen.token !== write.token || isBefore(write.position, seen.position))
          return store.checkpoint(write);
        await setImmediate();
        const now = await store.readShard(write.shardId);
        return store.checkpoint({ ...write, me: now?.owner ?? write.me, token: now?.token ?? write.token });
      },
    })),
  ],
  'an eviction that reads, and writes later': [
    'races',
    inRows((store) => ({
      async evict(write) {
        if ((await store.readSession(write.session))?.beat !== write.beat) return store.evict(write);
        await setImmediate();
        const now = await store.readSession(write.session);
        return store.evict({ session: write.session, beat: now!.beat });
      },
    })),
  ],
  'rows cached by each store': [
    'several stores over the same rows',
    inConnections((store) => {
      const cache = new Map<string, Awaited<ReturnType<LeaseStore['readShard']>>>();
      return {
        async readShard(shardId) {
          if (!cache.has(shardId)) cache.set(shardId, await store.readShard(shardId));
          return cache.get(shardId)!;
        },
      };
    }),
  ],
  'rows that are gone with the last store': [
    'several stores over the same rows',
    () => createMemoryLeaseStore(),
  ],
  'tokens with 14 digits': [
    'numbers',
    inRows((store) => ({
      take: (write) => store.take({ ...write, token: Number(write.token.toPrecision(14)) }),
    })),
  ],
  'beats of 32 bits': [
    'numbers',
    inRows((store) => ({ beat: (write) => store.beat({ ...write, beat: write.beat >>> 0 }) })),
  ],
  'no maxShards and 0 are the same': [
    'numbers',
    inRows((store) => ({ beat: (write) => store.beat({ ...write, maxShards: write.maxShards || null }) })),
  ],
  'names in lower case': ['names', inNames((name) => name.toLowerCase())],
  'names without the spaces around': ['names', inNames((name) => name.trim())],
  'names in one Unicode form': ['names', inNames((name) => name.normalize())],
  'names that are cut': ['names', inNames((name) => name.slice(0, 127))],
  'names escaped': ['names', inNames(encodeURIComponent)],
  'sessions and shards in one table': [
    'reading',
    inRows((store) => ({
      readShard: async (id) => (await store.readShard(id)) ?? ((await store.readSession(id)) as never),
    })),
  ],
  'the first page of the shards': [
    'sizes',
    inRows((store) => ({
      async readAll() {
        const all = await store.readAll();
        return { ...all, shards: all.shards.slice(0, 450) };
      },
    })),
  ],
  'the first page of the sessions': [
    'sizes',
    inRows((store) => ({
      async readTick() {
        const tick = await store.readTick();
        return { ...tick, sessions: tick.sessions.slice(0, 250) };
      },
    })),
  ],
  'application and stream joined by :': [
    'scopes',
    inScopes((at) => joined(`${at.application}:${at.stream}`)),
  ],
  'application and stream joined by #': [
    'scopes',
    inScopes((at) => joined(`${at.application}#${at.stream}`)),
  ],
  'application and stream joined by nothing': [
    'scopes',
    inScopes((at) => joined(at.application + at.stream)),
  ],
  'the stream forgotten': ['scopes', inScopes((at) => ({ ...at, stream: '' }))],
  'a new scope each time': ['scopes', (scope) => memoryConnections()(scope)],
  'watch that never tells': ['watch', inConnections(() => ({ watch: () => undefined }))],
  'watch that goes on after close': ['watch', inConnections(() => ({ close: async () => undefined }))],
  'no watch': [
    'watch',
    (scope) => {
      const { watch: _, ...store } = memoryConnections()(scope);
      return store;
    },
  ],
  'a close that closes nothing': ['close', inConnections(() => ({ close: async () => undefined }))],
  'a call that never ends': ['take', inConnections(() => ({ take: () => new Promise(() => undefined) }))],
  'a store that cannot be opened': [
    'app',
    inConnections(() => ({ open: () => Promise.reject(new Error('refused')) })),
  ],
};

const failures = (make: MakeLeaseStore, group: string, options: LeaseStoreContractOptions = {}) =>
  leaseStoreCases({ watch: true, ...options })
    .filter((each) => each.group === group)
    .map(async (each) => {
      let failed = false;
      await each.run(make).catch(() => (failed = true));
      if (!failed) throw new Error(`${each.title} passed`);
      return each.title;
    });

describe('the lease store contract finds out', () => {
  for (const [mistake, [group, make]] of Object.entries(WRONG)) {
    it(mistake, async () => {
      // The first one that fails is enough; some wait for seconds until they do.
      expect(await Promise.any(failures(make, group, { deadlineMs: 2_000 }))).to.be.a('string');
    });
  }

  it('a `watch` that the options do not mention', async () => {
    const [title] = await Promise.all(failures(memoryConnections(), 'watch', { watch: false }));
    expect(title).to.equal('is not there, as the options say');
  });

  it('nothing in a store that does as it should', async () => {
    for (const group of new Set(Object.values(WRONG).map(([group]) => group))) {
      const failed = await Promise.allSettled(failures(memoryConnections(), group));
      expect(failed.filter(({ status }) => status === 'fulfilled')).to.deep.equal([]);
    }
  });
});
