// Built-in stores by name, the user's own by module URL, and clear errors for everything else.

import { expect } from 'chai';
import { openLeaseStore } from '../../src/checkpointers/open-lease-store.ts';
import { ShardpoolError } from '../../src/model/errors.ts';
import { TRIM_HORIZON } from '../../src/model/position.ts';
import type { CheckpointerSpec } from '../../src/model/specs.ts';

const SCOPE = { application: 'billing', stream: 'orders' };
const MEMORY = new URL('../../src/checkpointers/memory-lease-store.js', import.meta.url).href;

const moduleOf = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

const errorOf = async (spec: CheckpointerSpec): Promise<ShardpoolError> => {
  const error: unknown = await openLeaseStore(spec, SCOPE).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(ShardpoolError);
  return error as ShardpoolError;
};

describe('openLeaseStore', () => {
  it('opens the memory store, a new one each time', async () => {
    const one = await openLeaseStore({ name: 'memory', options: {} }, SCOPE);
    const two = await openLeaseStore({ name: 'memory', options: {} }, SCOPE);
    await one.createApp({ schemaVersion: 1, leaseDurationMs: 10_000, start: TRIM_HORIZON });
    expect((await one.readTick()).app).to.not.equal(null);
    expect((await two.readTick()).app).to.equal(null);
  });

  for (const form of ['default', 'createLeaseStore']) {
    it(`imports a module with the function exported as ${form}, and gives it options and scope`, async () => {
      const declared = form === 'default' ? 'export default' : `export const ${form} =`;
      const source = `
        import { createMemoryLeaseStore } from ${JSON.stringify(MEMORY)};
        ${declared} async (options, scope) => {
          const store = createMemoryLeaseStore();
          const seen = { options, scope, opened: 0 };
          globalThis.seenByStore = seen;
          return { ...store, open: async () => { seen.opened += 1; } };
        };`;
      await openLeaseStore({ module: moduleOf(source), options: { url: 'x' } }, SCOPE);
      const { seenByStore } = globalThis as unknown as { seenByStore: unknown };
      expect(seenByStore).to.deep.equal({ options: { url: 'x' }, scope: SCOPE, opened: 1 });
    });
  }

  const failures: readonly { title: string; spec: CheckpointerSpec; code: string; message: RegExp }[] = [
    {
      title: 'an unknown name',
      spec: { name: 'zookeeper' as 'memory', options: {} },
      code: 'ERR_INVALID_OPTION',
      message: /one of memory, local, redis, dynamodb or a module, got `'zookeeper'`/,
    },
    {
      title: 'an option that memory does not have',
      spec: { name: 'memory', options: { url: 'x' } },
      code: 'ERR_INVALID_OPTION',
      message: /'memory' has no options, got `'x'`/,
    },
    {
      title: 'a module that cannot be imported',
      spec: { module: 'file:///does/not/exist.js', options: {} },
      code: 'ERR_INVALID_OPTION',
      message: /cannot be imported/,
    },
    {
      title: 'a module without the function',
      spec: { module: moduleOf('export const other = 1;'), options: {} },
      code: 'ERR_INVALID_OPTION',
      message: /exports no function/,
    },
    {
      title: 'a function that throws',
      spec: { module: moduleOf("export default () => { throw new Error('no server'); };"), options: {} },
      code: 'ERR_LEASE_STORE',
      message: /no server/,
    },
    {
      title: 'a store that lacks methods',
      spec: {
        module: moduleOf('export default () => ({ open() {}, close() {}, take: 1 });'),
        options: {},
      },
      code: 'ERR_LEASE_STORE',
      message: /lacks the methods readTick, .*take/,
    },
    {
      title: 'nothing instead of a store',
      spec: { module: moduleOf('export default () => null;'), options: {} },
      code: 'ERR_LEASE_STORE',
      message: /lacks the methods open, close/,
    },
    {
      title: 'a store that does not open',
      spec: {
        module: moduleOf(`
          import { createMemoryLeaseStore } from ${JSON.stringify(MEMORY)};
          export default () => ({ ...createMemoryLeaseStore(), open: async () => { throw new Error('refused'); } });`),
        options: {},
      },
      code: 'ERR_LEASE_STORE',
      message: /did not open: refused/,
    },
  ];
  for (const { title, spec, code, message } of failures) {
    it(`reports ${title}`, async () => {
      const error = await errorOf(spec);
      expect(error.code).to.equal(code);
      expect(error.message).to.match(message);
    });
  }
});
