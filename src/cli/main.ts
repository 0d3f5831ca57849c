#!/usr/bin/env node
// The command line: what was typed to an exit code.

import { quitOnBrokenPipe } from './output.ts';
import { runProgram } from './program.ts';

quitOnBrokenPipe();
process.exitCode = await runProgram(process.argv.slice(2));
