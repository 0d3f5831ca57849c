// The commands, one file each, and what becomes of their errors.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addDemo } from './demo.ts';
import { EXIT_OK, printError } from './output.ts';
import { addRun } from './run.ts';
import { addSimulator } from './simulator.ts';

/** Runs one command; resolves to its exit code. `args` is what was typed after the name of the program. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let exitCode = EXIT_OK;
  const program = new Command('shardpool')
    .description('Worker-thread parallel consumer framework for Amazon Kinesis Data Streams')
    .version(version())
    // Before the commands are added, because they inherit it. Errors are printed below, all in one form.
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  const onEnd = (code: number) => {
    exitCode = code;
  };
  addRun(program, onEnd);
  addSimulator(program, onEnd);
  addDemo(program, onEnd);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help and version come as errors of exit code 0; help for want of a command has 1.
    const isAnswer =
      error instanceof CommanderError &&
      (error.code.startsWith('commander.help') || error.code === 'commander.version');
    return isAnswer ? error.exitCode : printError(error);
  }
  return exitCode;
}

function version(): string {
  const file = new URL(import.meta.resolve('shardpool/package.json'));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
