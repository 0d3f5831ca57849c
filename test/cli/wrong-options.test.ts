// Whatever is wrong on the command line ends it at once, with a code on standard error and an exit code that is not 0.

import { expect } from 'chai';
import { cli, killAll } from './cli-process.ts';
import { tempFolder, type TempFolder } from './temp-folder.ts';

interface Row {
  readonly args: readonly string[];
  readonly code: string;
  /** What the message must name. */
  readonly names: string;
}

const run = (...args: string[]) => ['run', 'handler.mjs', '--stream', 's', ...args];

const ROWS: readonly Row[] = [
  { args: ['bogus'], code: 'ERR_INVALID_OPTION', names: 'bogus' },
  { args: ['run'], code: 'ERR_INVALID_OPTION', names: '--stream' },
  { args: ['run', '--stream', 's'], code: 'ERR_INVALID_OPTION', names: 'module' },
  { args: ['run', 'handler.mjs'], code: 'ERR_INVALID_OPTION', names: '--stream' },
  { args: run('--bogus', '1'), code: 'ERR_INVALID_OPTION', names: '--bogus' },
  { args: run('--threads', '0'), code: 'ERR_INVALID_OPTION', names: '--threads' },
  { args: run('--threads', 'many'), code: 'ERR_INVALID_OPTION', names: 'many' },
  { args: run('--handler-threads', '-1'), code: 'ERR_INVALID_OPTION', names: '--handler-threads' },
  { args: run('--max-shards', '1.5'), code: 'ERR_INVALID_OPTION', names: '--max-shards' },
  { args: run('--batch-max-records', '0'), code: 'ERR_INVALID_OPTION', names: '--batch-max-records' },
  {
    args: run('--on-failure-min-delay-ms', '0'),
    code: 'ERR_INVALID_OPTION',
    names: '--on-failure-min-delay-ms',
  },
  { args: run('--start', 'yesterday'), code: 'ERR_INVALID_OPTION', names: '--start' },
  { args: run('--start', '2026-13-01'), code: 'ERR_INVALID_OPTION', names: '--start' },
  { args: run('--processor', 'xml'), code: 'ERR_INVALID_OPTION', names: '--processor' },
  { args: run('--checkpointer', 'paper'), code: 'ERR_INVALID_OPTION', names: '--checkpointer' },
  { args: run('--endpoint', 'localhost'), code: 'ERR_INVALID_OPTION', names: '--endpoint' },
  { args: run('--create-stream', 'some'), code: 'ERR_INVALID_OPTION', names: '--create-stream' },
  { args: run('--describe', 'never'), code: 'ERR_INVALID_OPTION', names: '--describe' },
  { args: run('--idle-timeout-ms', '0'), code: 'ERR_INVALID_OPTION', names: '--idle-timeout-ms' },
  { args: run('--log-level', 'loud'), code: 'ERR_INVALID_OPTION', names: 'loud' },
  { args: run('again.mjs'), code: 'ERR_INVALID_OPTION', names: 'too many arguments' },
  { args: ['run', 'gone.mjs', '--stream', 's'], code: 'ERR_INVALID_HANDLER', names: 'gone.mjs' },
  {
    args: ['run', 'no-default.mjs', '--stream', 's'],
    code: 'ERR_INVALID_HANDLER',
    names: 'no default export',
  },
  { args: ['run', 'no-handler.mjs', '--stream', 's'], code: 'ERR_INVALID_HANDLER', names: 'no-handler.mjs' },
  { args: ['run', 'broken.mjs', '--stream', 's'], code: 'ERR_INVALID_HANDLER', names: 'broken on purpose' },
  {
    args: ['run', 'no-default.mjs', '--stream', 's', '--handler-threads', '0'],
    code: 'ERR_INVALID_HANDLER',
    names: 'no default export',
  },
  { args: run('--endpoint', 'http://127.0.0.1:1'), code: 'ERR_CONNECTION', names: 'ECONNREFUSED' },
  { args: ['simulator', '--port', '65536'], code: 'ERR_INVALID_OPTION', names: '--port' },
  { args: ['simulator', '--shards', '0'], code: 'ERR_INVALID_OPTION', names: '--shards' },
  { args: ['simulator', '--feed', '-1'], code: 'ERR_INVALID_OPTION', names: '--feed' },
  { args: ['simulator', '--stream', 'a,b'], code: 'ERR_INVALID_OPTION', names: 'a,b' },
  { args: ['demo', '--records', '0'], code: 'ERR_INVALID_OPTION', names: '--records' },
  { args: ['demo', '--records', 'all'], code: 'ERR_INVALID_OPTION', names: '--records' },
  { args: ['demo', '--threads', '-1'], code: 'ERR_INVALID_OPTION', names: '--threads' },
  { args: ['demo', '--dir', 'gone'], code: 'ERR_INVALID_OPTION', names: '--dir' },
  { args: ['demo', '--dir', 'handler.mjs'], code: 'ERR_INVALID_OPTION', names: '--dir' },
  { args: ['demo', '--dir', 'empty'], code: 'ERR_INVALID_OPTION', names: '--dir' },
  { args: ['demo', 'extra'], code: 'ERR_INVALID_OPTION', names: 'too many arguments' },
];

describe('cli: what is wrong', function () {
  this.timeout(30_000);
  let folder: TempFolder;

  before(() => {
    folder = tempFolder({
      'handler.mjs': 'export default () => {};',
      'no-default.mjs': 'export const handle = () => {};',
      'no-handler.mjs': 'export default 7;',
      'broken.mjs': 'throw new Error("broken on purpose");',
      // Holds a file, but nothing to read.
      'empty/nothing': '',
    });
  });
  after(() => folder[Symbol.dispose]());
  afterEach(killAll);

  for (const { args, code, names } of ROWS) {
    it(`shardpool ${args.join(' ')}`, async () => {
      // Keys and a region, so that nothing but the mistake can end it.
      const env = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' };
      const { code: exitCode, stderr } = await cli(args, { cwd: folder.path, env }).exit();
      expect(exitCode, stderr).to.equal(1);
      const last = stderr.trimEnd().split('\n').at(-1) ?? '';
      expect(last)
        .to.match(new RegExp(`^shardpool: ${code}: `))
        .and.include(names);
    });
  }

  it('shardpool without a command shows the help', async () => {
    const { code, stderr } = await cli([]).exit();
    expect(code).to.equal(1);
    expect(stderr).to.include('Usage: shardpool').and.not.include('ERR_');
  });

  it('shardpool --help and --version end with 0', async () => {
    const help = await cli(['run', '--help']).exit();
    expect(help.code).to.equal(0);
    expect(help.stdout).to.include('--handler-threads');
    const version = await cli(['--version']).exit();
    expect(version.code).to.equal(0);
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});
