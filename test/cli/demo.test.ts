// `shardpool demo` as a user runs it: the outcome is right, and Ctrl-C ends it.

import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { cli, killAll } from './cli-process.ts';
import { tempFolder } from './temp-folder.ts';

const BLOCK = 16 * 1024;

/** Packages with and without a scope and a nested one; two blocks and a bit in most files. */
function someFiles(): Record<string, Buffer> {
  const files: Record<string, Buffer> = { 'empty/nothing': Buffer.alloc(0) };
  for (let i = 0; i < 20; i += 1) {
    const content = (size: number) =>
      createHash('sha512').update(`${i}`).digest().subarray(0, 1).toString('hex').repeat(size);
    files[`left/lib/file ${i}.js`] = Buffer.from(content(BLOCK + 7));
    files[`@scope/right/${i}.js`] = Buffer.from(content(BLOCK / 2));
    files[`left/node_modules/inner/${i}`] = Buffer.from(content(i + 1));
  }
  return files;
}

/** The definition of the digest, in the fewest words: nothing here is shared with the demo. */
function digestOf(files: Readonly<Record<string, Buffer>>): { digest: string; blocks: number } {
  const lines = Object.entries(files).flatMap(([path, content]) => {
    const offsets = Array.from({ length: Math.ceil(content.length / BLOCK) }, (_, i) => i * BLOCK);
    return offsets.map((offset) => {
      const block = content.subarray(offset, offset + BLOCK);
      return `${path} ${offset} ${block.length} ${createHash('sha256').update(block).digest('hex')}`;
    });
  });
  const text = lines
    .sort()
    .map((line) => `${line}\n`)
    .join('');
  return { digest: createHash('sha256').update(text).digest('hex'), blocks: lines.length };
}

describe('cli: demo', function () {
  this.timeout(60_000);
  afterEach(killAll);

  it('handles every block once, in order, through a split and a merge, as a direct walk reads it', async () => {
    const files = someFiles();
    using folder = tempFolder(files);
    const { code, stdout, stderr } = await cli(['demo', '--dir', folder.path, '--records', '300']).exit();
    expect(code, stdout + stderr).to.equal(0);
    expect(stderr).to.equal('');
    const { digest, blocks } = digestOf(files);
    expect(stdout).to.include(`records           ${blocks} sent, ${blocks} handled\n`);
    expect(stdout)
      .to.include(`digest by stream  ${digest}\n`)
      .and.include(`digest by walk    ${digest} (equal`);
    expect(stdout).to.match(
      /^shardId-000000000000 is split into shardId-000000000002 and shardId-000000000003$/m,
    );
    expect(stdout).to.match(
      /^shardId-000000000003 and shardId-000000000001 are merged into shardId-000000000004$/m,
    );
    for (const label of ['missing', 'duplicates', 'order violations']) {
      expect(stdout).to.match(new RegExp(`^${label} +0$`, 'm'));
    }
  });

  it('sends no more than --records, in as many handler threads as --threads', async () => {
    using folder = tempFolder(someFiles());
    const args = ['demo', '--dir', folder.path, '--records', '30', '--threads', '3'];
    const { code, stdout, stderr } = await cli(args).exit();
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.match(/^30 blocks of 16 KiB from .*, 3 handler threads$/m);
    expect(stdout).to.match(/^records +30 sent, 30 handled$/m);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends with 130 on ${signal}, with nothing left running`, async () => {
      // Without --dir: the installed packages of this very checkout, enough for seconds of work.
      const demo = cli(['demo']);
      await demo.line(/^sent [\d,]+ of [\d,]+, handled /);
      const at = performance.now();
      demo.child.kill(signal);
      const { code, stdout, stderr } = await demo.exit();
      expect(code, stderr).to.equal(130);
      expect(performance.now() - at).to.be.below(10_000);
      expect(stdout)
        .to.match(/^interrupted$/m)
        .and.not.include('digest');
      expect(stderr).to.equal('');
    });
  }
});
