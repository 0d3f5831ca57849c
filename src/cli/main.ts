#!/usr/bin/env node
// The command line: wires commander to one file per command, and errors to exit codes.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addDemo } from './demo.ts';
import { printError, quitOnBrokenPipe } from './output.ts';
import { addRun } from './run.ts';
import { addSimulator } from './simulator.ts';

quitOnBrokenPipe();

const { version } = JSON.parse(
  readFileSync(new URL(import.meta.resolve('shardpool/package.json')), 'utf8'),
) as { version: string };

const program = new Command('shardpool')
  .description('Worker-thread parallel consumer framework for Amazon Kinesis Data Streams')
  .version(version)
  // Before the commands are added, because they inherit it. Errors are printed below, all in one form.
  .exitOverride()
  .configureOutput({ outputError: () => undefined });
addRun(program);
addSimulator(program);
addDemo(program);

try {
  await program.parseAsync();
} catch (error) {
  // Help and version come as errors of exit code 0; help for want of a command has 1.
  if (!(error instanceof CommanderError)) process.exitCode = printError(error);
  else if (error.code.startsWith('commander.help') || error.code === 'commander.version')
    process.exitCode = error.exitCode;
  else process.exitCode = printError(error);
}
