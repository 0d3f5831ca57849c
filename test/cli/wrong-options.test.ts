// Whatever is wrong on the command line ends it at once, with one line on standard error and an exit code that is not 0.

import { join } from 'node:path';
import { expect } from 'chai';
import { runProgram } from '../../src/cli/program.ts';
import { type Cli, cli, killAll } from './cli-process.ts';
import { tempFolder, type TempFolder } from './temp-folder.ts';

interface Row {
  readonly args: readonly string[];
  readonly code?: string;
  /** The message; FOLDER stands for the folder of the modules. */
  readonly says: string;
  /** What stands before the last line, as a stack. */
  readonly stack?: RegExp;
}

const run = (...args: string[]) => ['run', 'FOLDER/handler.mjs', '--stream', 's', ...args];
const handler = (name: string, ...args: string[]) => ['run', `FOLDER/${name}.mjs`, '--stream', 's', ...args];
const inMain = ['--handler-threads', '0'];
const INVALID = 'ERR_INVALID_HANDLER';
const PROCESSORS =
  "'json', 'json-lines', 'json-list', 'string', 'bytes', 'msgpack', 'kpl-json', 'kpl-string', 'kpl-msgpack', 'auto', { name, ... } or { module, options }";
const number = (flag: string, range: string, got: string) => ({
  args: run(flag, got.replaceAll("'", '')),
  says: `Expected \`${flag}\` to be ${range}, got \`${got}\``,
});

/** Nothing of these gets as far as AWS. */
const ROWS: readonly Row[] = [
  { args: ['bogus'], says: "unknown command 'bogus'" },
  { args: ['rnu'], says: "unknown command 'rnu' (Did you mean run?)" },
  { args: ['run'], says: "required option '--stream <name>' not specified" },
  { args: ['run', '--stream', 's'], says: "missing required argument 'module'" },
  { args: ['run', 'handler.mjs'], says: "required option '--stream <name>' not specified" },
  { args: run('--bogus', '1'), says: "unknown option '--bogus'" },
  { args: run('--thread', '1'), says: "unknown option '--thread' (Did you mean --threads?)" },
  {
    args: run('--batch-max-record', '1'),
    says: "unknown option '--batch-max-record' (Did you mean --batch-max-records?)",
  },
  { args: run('--threads'), says: "option '--threads <n>' argument missing" },
  { args: run('again.mjs'), says: "too many arguments for 'run'. Expected 1 argument but got 2." },
  number('--threads', "'auto' or an integer from 1 to 256", '0'),
  number('--threads', "'auto' or an integer from 1 to 256", "'many'"),
  number('--handler-threads', 'an integer from 0 to 256', '-1'),
  number('--handler-threads', 'an integer from 0 to 256', "''"),
  number('--max-shards', 'an integer from 1 up, or Infinity', '1.5'),
  number('--batch-max-records', 'an integer from 1 to 100000', '0'),
  number('--on-failure-min-delay-ms', 'an integer from 1 to 86400000', '0'),
  number('--timeouts-reply-ms', 'an integer from 10 to 86400000', '9'),
  number('--handler-hang-ms', 'an integer from 1000 to 86400000', 'Infinity'),
  number('--idle-timeout-ms', 'an integer from 1 to 86400000', '0'),
  number('--create-stream', 'an integer from 1 to 100000', "'some'"),
  number('--start', "'TRIM_HORIZON', 'LATEST' or a valid Date", "'yesterday'"),
  number('--start', "'TRIM_HORIZON', 'LATEST' or a valid Date", "'2026-13-01'"),
  number('--ack', "'auto' or 'manual'", "'always'"),
  number('--describe', "'list-shards' or 'describe-stream' or 'skip'", "'never'"),
  number('--endpoint', 'an http or https URL as text', "'localhost'"),
  number('--region', 'a string that is not empty', "''"),
  number('--processor', `one of ${PROCESSORS}`, "'xml'"),
  {
    args: run('--processor', 'jsonlines'),
    says: `Expected \`--processor\` to be one of ${PROCESSORS}, got \`'jsonlines'\`; did you mean \`json-lines\`?`,
  },
  {
    args: run('--processor', 'FOLDER/gone.mjs'),
    code: 'ERR_INVALID_PROCESSOR',
    says: 'There is no processor module FOLDER/gone.mjs',
  },
  { args: run('--checkpointer', 'FOLDER/gone.mjs'), says: 'There is no checkpointer module FOLDER/gone.mjs' },
  number(
    '--checkpointer',
    "one of 'memory', 'local', 'redis', 'dynamodb', { name, ... } or { module, options }",
    "'paper'",
  ),
  {
    args: run('--log-level', 'loud'),
    says: "option '--log-level <level>' argument 'loud' is invalid. Allowed choices are debug, info, warn, error.",
  },
  {
    args: ['run', 'FOLDER/handler.mjs', '--stream', 'my stream'],
    says: "Expected the name of a stream to have 1 to 128 of the characters a-z, A-Z, 0-9, _, . and -, got 'my stream'",
  },
  {
    args: run('--stream', 'arn:aws:sqs:eu-west-1:123456789012:stream/s'),
    says: "Expected `--stream` to be an ARN like arn:aws:kinesis:eu-west-1:123456789012:stream/name, got the service 'sqs'",
  },
  { args: handler('gone'), code: INVALID, says: 'There is no handler module FOLDER/gone.mjs' },
  {
    args: ['run', 'FOLDER', '--stream', 's'],
    code: INVALID,
    says: 'There is no handler module FOLDER: it is a directory',
  },
  {
    args: handler('no-default'),
    code: INVALID,
    says: 'The handler module file://FOLDER/no-default.mjs has no default export, only handle; expected `export default defineHandler(async (batch) => ...)`',
  },
  {
    args: handler('no-handler', ...inMain),
    code: INVALID,
    says: 'Expected the default export of file://FOLDER/no-handler.mjs to be a function or the result of defineHandler(...), got `7`',
  },
  {
    args: handler('broken'),
    code: INVALID,
    says: 'The handler module file://FOLDER/broken.mjs could not be imported: broken on purpose',
    stack: /^Error: broken on purpose\n +at file:\/\/.*broken\.mjs:1:7\n/,
  },
  {
    args: handler('syntax', ...inMain),
    code: INVALID,
    says: 'The handler module file://FOLDER/syntax.mjs could not be imported: Unexpected end of input',
  },
  {
    args: handler('needs', ...inMain),
    code: INVALID,
    says: "The handler module file://FOLDER/needs.mjs could not be imported: Cannot find package 'not-installed' imported from FOLDER/needs.mjs",
  },
  {
    args: handler('hook', ...inMain),
    says: '`onShardStarted` in the default export of file://FOLDER/hook.mjs is not a hook; did you mean `onShardStart`?',
  },
  // Errors of the user's own code have their own code, or else their name.
  {
    args: handler('setup'),
    code: 'ERR_DATABASE',
    says: 'no database',
    stack: /^Error: no database\n +at .*setup \(file:.*setup\.mjs:1:/,
  },
  {
    args: handler('setup-bug', ...inMain),
    code: 'TypeError',
    says: "Cannot read properties of undefined (reading 'host')",
    stack: /^TypeError: Cannot read .*\n +at .*setup-bug\.mjs:1:/,
  },
  {
    args: run('--processor', 'FOLDER/broken.mjs', ...inMain),
    code: 'ERR_INVALID_PROCESSOR',
    says: 'The processor module file://FOLDER/broken.mjs cannot be imported: broken on purpose',
    stack: /^Error: broken on purpose\n/,
  },
  {
    args: run('--checkpointer', 'FOLDER/no-handler.mjs', ...inMain),
    says: 'The checkpointer module file://FOLDER/no-handler.mjs exports no function as `default` or `createLeaseStore`',
  },
  {
    args: ['simulator', '--port', '65536'],
    says: 'Expected `--port` to be an integer from 0 to 65535, got `65536`',
  },
  {
    args: ['simulator', '--shards', '0'],
    says: 'Expected `--shards` to be an integer from 1 to 10000, got `0`',
  },
  {
    args: ['simulator', '--feed', '-1'],
    says: 'Expected `--feed` to be an integer from 0 to 100000, got `-1`',
  },
  {
    args: ['demo', '--records', '0'],
    says: 'Expected `--records` to be an integer from 1 to 10000000, got `0`',
  },
  {
    args: ['demo', '--records', 'all'],
    says: "Expected `--records` to be an integer from 1 to 10000000, got `'all'`",
  },
  {
    args: ['demo', '--threads', '-1'],
    says: 'Expected `--threads` to be an integer from 1 to 256, got `-1`',
  },
  { args: ['demo', 'extra'], says: "too many arguments for 'demo'. Expected 0 arguments but got 1." },
];

/** In processes of their own: what ends later than with a check, and one of each kind. */
const PROCESS_ROWS: readonly (Row & { readonly env?: Record<string, string> })[] = [
  { args: handler('gone'), code: INVALID, says: 'There is no handler module FOLDER/gone.mjs' },
  {
    args: run('--endpoint', 'http://127.0.0.1:1'),
    code: 'ERR_CONNECTION',
    says: 'ListShards on stream s failed: connect ECONNREFUSED 127.0.0.1:1. The same call may succeed later; if it lasts, check endpoint, proxy and network.',
  },
  {
    args: handler('no-handler', '--log-level', 'debug'),
    code: INVALID,
    says: 'Expected the default export of file://FOLDER/no-handler.mjs to be a function or the result of defineHandler(...), got `7`',
    stack: /^ShardpoolError: Expected the default.*\n +at /,
  },
  {
    args: handler('syntax', ...inMain),
    env: { DEBUG: '1' },
    code: INVALID,
    says: 'The handler module file://FOLDER/syntax.mjs could not be imported: Unexpected end of input',
    stack: /^caused by SyntaxError: Unexpected end of input\n/m,
  },
  {
    args: ['demo', '--dir', 'FOLDER/gone'],
    says: "Expected `--dir` to be a directory that can be read: ENOENT: no such file or directory, scandir 'FOLDER/gone', got 'FOLDER/gone'",
  },
  {
    args: ['demo', '--dir', 'FOLDER/empty'],
    says: "Expected `--dir` to hold at least one readable file that is not empty, got 'FOLDER/empty'",
  },
  {
    args: ['simulator', '--stream', 'a,b'],
    says: "Expected `--stream` to be a stream name (1 to 128 letters, digits, `_`, `.` or `-`), got `'a,b'`",
  },
  {
    args: ['simulator', '--region', 'Here'],
    says: "Expected `--region` to be the name of a region, got `'Here'`",
  },
];

const MODULES = {
  'handler.mjs': 'export default () => {};',
  'no-default.mjs': 'export const handle = () => {};',
  'no-handler.mjs': 'export default 7;',
  'broken.mjs': 'throw new Error("broken on purpose");',
  'syntax.mjs': 'export default (',
  'needs.mjs': "import 'not-installed';",
  'hook.mjs': 'export default { handle() {}, onShardStarted() {} };',
  'setup.mjs':
    'export default { handle() {}, setup() { throw Object.assign(new Error("no database"), { code: "ERR_DATABASE" }); } };',
  'setup-bug.mjs': 'export default { handle() {}, setup: ({ config }) => config.host };',
  'never.mjs': 'await new Promise(() => {}); export default () => {};',
  // Holds a file, but nothing to read.
  'empty/nothing': '',
};
// Keys and a region, so that nothing but the mistake can end it.
const ENVIRONMENT = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' };

/** What the program writes while it runs in this process. */
async function inThisProcess(args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const { stdout, stderr } = process;
  const writes = { stdout: stdout.write, stderr: stderr.write };
  const before = { ...process.env };
  let written = '';
  Object.assign(process.env, ENVIRONMENT);
  stdout.write = () => true;
  stderr.write = (text) => {
    written += String(text);
    return true;
  };
  try {
    return { code: await runProgram(args), stderr: written };
  } finally {
    stdout.write = writes.stdout;
    stderr.write = writes.stderr;
    process.env = before;
  }
}

describe('cli: what is wrong', function () {
  this.timeout(30_000);
  let folder: TempFolder;
  let importing: Cli[];
  const inFolder = (text: string) => text.replaceAll('FOLDER', folder.path);

  before(() => {
    folder = tempFolder(MODULES);
    // They take their time until they say something, and the other tests run meanwhile.
    importing = ['1', '0'].map((threads) =>
      cli(handler('never', '--handler-threads', threads).map(inFolder), { env: ENVIRONMENT }),
    );
  });
  after(() => {
    killAll();
    folder[Symbol.dispose]();
  });

  function expectRow(
    { code = 'ERR_INVALID_OPTION', says, stack }: Row,
    exitCode: number | null,
    stderr: string,
  ) {
    expect(exitCode, stderr).to.equal(1);
    const lines = stderr.trimEnd().split('\n');
    const last = lines.pop() ?? '';
    if (stack === undefined) expect(lines).to.deep.equal([]);
    else expect(`${lines.join('\n')}\n`).to.match(stack);
    return { last, expected: `shardpool: ${code}: ${inFolder(says)}` };
  }

  for (const row of ROWS) {
    it(`shardpool ${row.args.join(' ')}`, async () => {
      const { code, stderr } = await inThisProcess(row.args.map(inFolder));
      const { last, expected } = expectRow(row, code, stderr);
      expect(last).to.equal(expected);
    });
  }

  for (const row of PROCESS_ROWS) {
    it(`shardpool ${row.args.join(' ')}, as a process`, async () => {
      const env = { ...ENVIRONMENT, ...row.env };
      const { code, stderr } = await cli(row.args.map(inFolder), { cwd: folder.path, env }).exit();
      const { last, expected } = expectRow(row, code, stderr);
      expect(last).to.equal(expected);
    });
  }

  it('a relative path is one from the working directory', async () => {
    const { stderr } = await cli(['run', 'gone.mjs', '--stream', 's'], { cwd: folder.path }).exit();
    expect(stderr).to.equal(
      `shardpool: ERR_INVALID_HANDLER: There is no handler module ${join(folder.path, 'gone.mjs')}\n`,
    );
  });

  it('a module that is still being imported says so, and Ctrl-C ends it', async () => {
    const [thread, main] = importing;
    const url = inFolder('file://FOLDER/never.mjs');
    for (const [process, what] of [
      [thread, `the handler threads, which import ${url} and run its \`setup\``],
      [main, `the import of the handler module ${url}`],
    ] as const) {
      const line = await process!.errorLine(/has not started/);
      expect(line)
        .to.match(/^warn: The consumer has not started for 5 s: it waits for /)
        .and.include(what);
      process!.child.kill('SIGINT');
      expect((await process!.exit()).code).to.equal(0);
    }
  });

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
