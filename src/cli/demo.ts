// `shardpool demo`: hashes real files through a stream, changes the shards meanwhile, and checks the outcome.

import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { ShardpoolError } from '../model/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { listenForInterruption } from './interruption.ts';
import { expectInteger, thousands } from './numbers.ts';
import { EXIT_INTERRUPTED, EXIT_OK, printError, printLine } from './output.ts';

interface Values {
  readonly dir?: string;
  readonly records: string;
  readonly threads?: string;
}

/** Some ten seconds at 1 000 records/s and shard; beyond it the largest package, sent one by one, decides how long it takes. */
const DEFAULT_RECORDS = 15_000;
const MAX_RECORDS = 10_000_000;
const MAX_THREADS = 256;

export function addDemo(program: Command, onEnd: (exitCode: number) => void): void {
  program
    .command('demo')
    .description('hash every file of a directory through a stream of the simulator, and check the outcome')
    .option('--dir <path>', 'directory to read (default: the installed dependencies)')
    .option('--records <n>', 'most blocks of 16 KiB to send', String(DEFAULT_RECORDS))
    .option('--threads <n>', 'handler threads (default: one per core)')
    .action(async (values: Values) => {
      onEnd(await demo(values));
    });
}

/** Returns the exit code: 0 only when each block was handled once, in order, and as a direct walk reads it. */
async function demo(values: Values): Promise<number> {
  const records = expectInteger('--records', values.records, 1, MAX_RECORDS);
  const handlerThreads =
    values.threads === undefined
      ? availableParallelism()
      : expectInteger('--threads', values.threads, 1, MAX_THREADS);
  const dir = values.dir === undefined ? installedPackages() : resolve(values.dir);
  using interruption = listenForInterruption();
  const { signal } = interruption;
  // The simulator is no AWS, and its users need not hear how long AWS will support their version of Node.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  // Only now: the other commands start without loading the AWS SDK.
  const [{ chooseBlocks, survey }, { walkDirectly }, { runJob }, { reportOn }] = await Promise.all([
    import('./demo/blocks.ts'),
    import('./demo/direct-walk.ts'),
    import('./demo/job.ts'),
    import('./demo/report.ts'),
  ]);

  const found = await survey(dir, signal);
  if (signal.aborted) return interrupted();
  const blocks = chooseBlocks(found.files, records);
  const keys = new Set(blocks.map(({ key }) => key)).size;
  printLine(
    `${thousands(blocks.length)} blocks of 16 KiB from ${dir}, ${thousands(keys)} partition keys, ${handlerThreads} handler threads`,
  );

  const result = await runJob({ dir, blocks, handlerThreads, signal, output: process.stdout });
  if (signal.aborted) return interrupted();
  printLine('reading the same blocks directly, without the stream');
  const walkStarted = systemClock.monotonic();
  const walk = await walkDirectly(dir, blocks, found.files, signal);
  if (signal.aborted) return interrupted();
  const { lines, failure } = reportOn(result, walk, systemClock.monotonic() - walkStarted, found);
  for (const line of lines) printLine(line);
  return failure === null
    ? EXIT_OK
    : printError(new ShardpoolError('ERR_INTERNAL', `The demo failed: ${failure}`));
}

function interrupted(): number {
  printLine('interrupted');
  return EXIT_INTERRUPTED;
}

/** The `node_modules` that holds the dependencies, wherever the package manager has put this package itself. */
function installedPackages(): string {
  const dependency = fileURLToPath(import.meta.resolve('commander'));
  const [nodeModules] = /^.*[/\\]node_modules(?=[/\\])/.exec(dependency) ?? [join(dependency, '..')];
  // pnpm keeps each package in a folder of its own below the shared one.
  return nodeModules.replace(/([/\\]node_modules)[/\\]\.pnpm[/\\].*$/, '$1');
}
