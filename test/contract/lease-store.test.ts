// The lease store contract itself: several stores over the same rows, other test runners, and what its options leave in.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { leaseStoreCases, leaseStoreContract as publicContract } from '../../src/testing/index.ts';
import { memoryConnections } from './lease-store-connections.ts';
import { leaseStoreContract } from './lease-store.ts';

leaseStoreContract('memory, several stores over the same rows', memoryConnections(), { watch: true });

describe('the lease store contract', () => {
  const titlesOf = (options: Parameters<typeof leaseStoreCases>[0]) =>
    leaseStoreCases(options).map(({ group, title }) => `${group}: ${title}`);

  it('has a title of its own for each case', () => {
    const titles = titlesOf({ watch: true });
    expect(new Set(titles).size).to.equal(titles.length);
    expect(titles.length).to.be.above(200);
  });

  it('leaves out what needs several stores over the same rows, and no more, where options say so', () => {
    const alone = new Set(titlesOf({ shared: false }));
    const left = titlesOf({ watch: true }).filter((title) => !alone.has(title));
    for (const title of left)
      expect(title).to.match(/^(several stores|watch: |scopes: a store with an equal)/);
    expect(left.length).to.be.above(10);
  });

  it('registers every case once, under its group', () => {
    const path: string[] = [];
    const found: string[] = [];
    const describe = (title: string, define: () => void) => {
      path.push(title);
      define();
      path.pop();
    };
    const it = (title: string) => found.push([...path, title].join(': '));
    publicContract({ describe, it }, 'mine', memoryConnections());
    expect(found.sort()).to.deep.equal(
      titlesOf({})
        .map((title) => `lease store contract: mine: ${title}`)
        .sort(),
    );
  });

  it('runs with the test runner of Node', async () => {
    const file = fileURLToPath(new URL('lease-store-node-test.js', import.meta.url));
    // Set by a runner that runs this one, it would change what the output looks like.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-reporter', 'tap', file];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 2 ** 24 });
    expect(stdout).to.match(/^# fail 0$/m);
    const count = leaseStoreCases({ shared: false }).length;
    expect(stdout).to.match(new RegExp(`^# (tests|pass) ${count}$`, 'm'));
  });
});
