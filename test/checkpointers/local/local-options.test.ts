// The options of the local checkpointer: what is given, where the rows are else, and what is refused.

import { expect } from 'chai';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolveLocalOptions } from '../../../src/checkpointers/local/local-options.ts';
import { ShardpoolError } from '../../../src/model/errors.ts';

const HOME = join(homedir(), '.local', 'state', 'shardpool');

describe('options of the local checkpointer', () => {
  for (const [title, options, env, path] of [
    ['an absolute path', { path: '/var/lib/leases' }, {}, '/var/lib/leases'],
    ['a relative one', { path: 'leases' }, {}, resolve('leases')],
    ['a URL', { path: pathToFileURL('/var/lib/my leases').href }, {}, '/var/lib/my leases'],
    ['none: the state directory', {}, { XDG_STATE_HOME: '/srv/state' }, '/srv/state/shardpool'],
    ['none, and a relative state directory', {}, { XDG_STATE_HOME: 'state' }, HOME],
    ['none, and no state directory', { path: undefined }, {}, HOME],
  ] as const) {
    it(title, () => expect(resolveLocalOptions(options, env)).to.deep.equal({ path }));
  }

  it('are resolved twice to the same', () => {
    const once = resolveLocalOptions({ path: 'leases' }, {});
    expect(resolveLocalOptions({ ...once }, {})).to.deep.equal(once);
  });

  for (const [title, options, message] of [
    ['an empty path', { path: '' }, /`checkpointer.path` to be a directory/],
    ['a path of another type', { path: 7 }, /`checkpointer.path` to be a directory.*`7`/],
    [
      'a URL of something else',
      { path: 'https://example.com/leases' },
      /`checkpointer.path` to be a directory/,
    ],
    ['an option that there is not', { pth: '/x' }, /`checkpointer.pth` to be nothing.*did you mean `path`\?/],
  ] as const) {
    it(`refuses ${title}`, () => {
      expect(() => resolveLocalOptions(options, {}))
        .to.throw(ShardpoolError, message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }
});
