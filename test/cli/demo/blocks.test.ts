// Which blocks the demo sends, under which keys, and what it does about files that change.

import { appendFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseBlocks, fairShare, type FoundFile, packageOf, survey } from '../../../src/cli/demo/blocks.ts';
import { walkDirectly } from '../../../src/cli/demo/direct-walk.ts';
import { OpenFiles } from '../../../src/cli/demo/open-files.ts';
import { tempFolder } from '../temp-folder.ts';

const KIB = 1024;
const never = new AbortController().signal;
const file = (path: string, size: number): FoundFile => ({
  path,
  key: packageOf(path),
  size,
  mtimeMs: 0,
  ino: 0,
});

describe('cli: the blocks of the demo', () => {
  for (const [path, key] of [
    ['chai/index.js', 'chai'],
    ['@aws-sdk/core/dist/a.js', '@aws-sdk/core'],
    ['@aws-sdk/readme.md', '@aws-sdk'],
    ['a/node_modules/b/c.js', 'b'],
    ['a/node_modules/@b/c/node_modules/@d/e/f.js', '@d/e'],
    ['.pnpm/x@1/node_modules/x/y.js', 'x'],
    ['.package-lock.json', '.package-lock.json'],
    [`${'n'.repeat(200)}/x`, 'n'.repeat(200)],
  ] as const) {
    it(`${path.slice(0, 50)} belongs to ${key.slice(0, 20)}`, () => expect(packageOf(path)).to.equal(key));
  }

  it('cover every file, in its order', () => {
    const blocks = chooseBlocks([file('a/1', 16 * KIB + 1), file('b/1', 5)], 100);
    expect(blocks.filter(({ key }) => key === 'a')).to.deep.equal([
      { path: 'a/1', offset: 0, length: 16 * KIB, key: 'a' },
      { path: 'a/1', offset: 16 * KIB, length: 1, key: 'a' },
    ]);
    expect(blocks).to.have.length(3);
  });

  it('are cut where there are too many, the large packages first', () => {
    const blocks = chooseBlocks([file('large/1', 1000 * 16 * KIB), file('small/1', 2 * 16 * KIB)], 12);
    expect(blocks.filter(({ key }) => key === 'small')).to.have.length(2);
    expect(
      blocks.filter(({ key }) => key === 'large').map(({ offset }) => offset / (16 * KIB)),
    ).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('are shared fairly', () => {
    expect(fairShare([1, 2, 3], 6)).to.equal(Infinity);
    expect(fairShare([1, 10, 10], 9)).to.equal(4);
    expect(fairShare([5, 5], 1)).to.equal(1);
    expect(
      chooseBlocks([file('a/1', 90 * KIB), file('b/1', 90 * KIB), file('c/1', 90 * KIB)], 4),
    ).to.have.length(4);
  });

  it('are not looked for behind links, in empty files, or in what is no file', async () => {
    using folder = tempFolder({ 'a/1': 'x', 'a/empty': '' });
    mkdirSync(join(folder.path, 'b'));
    symlinkSync(join(folder.path, 'a'), join(folder.path, 'b/link'));
    symlinkSync(join(folder.path, 'a/1'), join(folder.path, 'b/file-link'));
    const { files, skipped } = await survey(folder.path, never);
    expect(files.map(({ path }) => path)).to.deep.equal(['a/1']);
    expect(skipped).to.deep.equal([]);
  });

  it('of files that changed or vanished are in no digest, and are named', async () => {
    using folder = tempFolder({ 'a/1': 'one', 'a/2': 'two', 'a/3': 'three' });
    const found = await survey(folder.path, never);
    const blocks = chooseBlocks(found.files, 10);
    appendFileSync(join(folder.path, 'a/1'), 'more');
    rmSync(join(folder.path, 'a/2'));
    const walk = await walkDirectly(folder.path, blocks, found.files, never);
    expect([...walk.changed]).to.have.deep.members([
      ['a/1', 'changed'],
      ['a/2', 'vanished'],
    ]);
    expect(walk.blocks).to.equal(1);
  });

  it('are read through few descriptors, and never beyond the end', () => {
    using folder = tempFolder({ one: 'first', two: 'second', three: 'third' });
    const files = new OpenFiles(2);
    const read = (name: string, offset: number, length: number) =>
      files.read(join(folder.path, name), offset, length).toString();
    expect(read('one', 1, 3)).to.equal('irs');
    expect(read('two', 0, 6)).to.equal('second');
    expect(read('three', 0, 5)).to.equal('third');
    // Closed by now, and opened again.
    expect(read('one', 0, 5)).to.equal('first');
    expect(() => read('one', 3, 5)).to.throw('the file ends at 5');
    files.close();
  });
});
