// Lease store contract: names with any character; what they are built of must not matter to the keys of a store.

import assert from 'node:assert/strict';
import { SHARD_END } from '../../model/position.ts';
import { type CaseList, forEach } from './case-list.ts';
import { beatWrite, markWrite, newShard, ownerWrite, sessionRow, shardRow, takeWrite } from './rows.ts';
import { same } from './setting.ts';

export const ODD_NAMES = [
  'a',
  'A',
  ' a ',
  'a b',
  'a:b::c',
  'a#b##c',
  '{a}b{}',
  'a/b/../c',
  'a\\b',
  '.',
  '..',
  'a.b.c',
  'a*?[b]%_',
  `"quoted" 'twice' \`thrice\``,
  'a\nb\tc',
  'a=b&c,d;e|f',
  '$a(b)',
  '-1',
  '0',
  '00',
  '1e3',
  'null',
  'undefined',
  'true',
  'app',
  'rev',
  'session',
  'shard',
  '__proto__',
  'constructor',
  'toString',
  'Grüße',
  // The same to the eye, but another text.
  'Gru\u0308ße',
  '分片',
  '🧵 thread',
  '\uFFFD',
  'n'.repeat(128),
  `${'n'.repeat(127)}m`,
];

export const NAME_CASES: CaseList = {
  ...forEach(
    ODD_NAMES,
    (name) => `${JSON.stringify(name)} through all writes`,
    async ({ store, changes, applies, counted }, name) => {
      const other = `${name}~`;
      const session = sessionRow(name, { host: name, boot: name, version: name });
      await applies(() => store.createSession(session), session);
      await applies(() => store.beat(beatWrite({ session: name })), { ...session, beat: 1 });

      const row = shardRow({ shardId: name, parents: [name, other] });
      const mine = { shardId: name, me: name, token: 1, position: row.position };
      const seen = { shardId: name, seenOwner: name, seenToken: 1 };
      await changes(() => store.createShard(newShard({ shardId: name, parents: [name, other] })), row);
      await changes(() => store.take(takeWrite({ shardId: name, me: name })), {
        ...row,
        owner: name,
        token: 1,
      });
      await changes(() => store.mark(markWrite({ ...seen, handOffTo: other })), {
        ...row,
        owner: name,
        token: 1,
        handOffTo: other,
      });
      await changes(() => store.mark(markWrite({ ...seen, seenHandOffTo: other, handOffTo: name })), {
        ...row,
        owner: name,
        token: 1,
        handOffTo: name,
      });
      await applies(() => store.checkpoint(ownerWrite(mine)), {
        ...row,
        owner: name,
        token: 1,
        handOffTo: name,
      });
      await changes(() => store.release(ownerWrite(mine)), { ...row, token: 1, handOffTo: name });
      const next = newShard({ shardId: name, startsAt: '2', parents: [name] });
      const replaced = shardRow({ ...next, token: 2 });
      await changes(() => store.replaceShard({ ...next, seenStartsAt: '1' }), replaced);
      await counted(() => store.take(takeWrite({ shardId: name, seenToken: 2, me: name, token: 3 })));
      await changes(() => store.finish({ shardId: name, me: name, token: 3 }), {
        ...replaced,
        token: 3,
        position: SHARD_END,
      });
      await applies(() => store.deleteShard(name), null);
      same(await store.readShard(name), null);

      await changes(() => store.evict({ session: name, beat: 1 }), { ...session, beat: 1, state: 'dead' });
      await applies(() => store.deleteSession(name), null);
      same(await store.readSession(name), null);
    },
  ),

  'are told apart, as sessions and as shards': async ({ store, counted, soon }) => {
    const names = [...ODD_NAMES].sort();
    for (const name of names) {
      assert.equal(
        (await store.createSession(sessionRow(name, { version: `v ${name}` }))).applied,
        true,
        name,
      );
      const { applied } = await counted(() =>
        store.createShard(newShard({ shardId: name, parents: [`p ${name}`] })),
      );
      assert.equal(applied, true, name);
    }
    for (const name of names) {
      same(await store.readSession(name), sessionRow(name, { version: `v ${name}` }));
      same(await store.readShard(name), shardRow({ shardId: name, parents: [`p ${name}`] }));
    }
    await soon(async () => {
      const { sessions, shards } = await store.readAll();
      same(sessions.map(({ session }) => session).sort(), names);
      same(shards.map(({ shardId }) => shardId).sort(), names);
    });
    await store.end('a');
    await store.deleteSession('a');
    await soon(async () => assert.equal((await store.readTick()).sessions.length, names.length - 1));
  },
};
