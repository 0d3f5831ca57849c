// What the commands write: lines on standard output, and errors as `shardpool: ERR_CODE: message` on standard error.

import { CommanderError } from 'commander';
import { ERROR_CODES } from '../model/errors.ts';
import type { Logger, LogLevel } from '../model/logger.ts';
import { LOG_LEVELS } from '../model/logger.ts';

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export const EXIT_OK = 0;
export const EXIT_ERROR = 1;
/** 128 + SIGINT, as a shell reports it. */
export const EXIT_INTERRUPTED = 130;
/** 128 + SIGPIPE: nobody reads any more. */
const EXIT_BROKEN_PIPE = 141;

/** Returns the exit code. */
export function printError(error: unknown): number {
  process.stderr.write(`shardpool: ${codeOf(error)}: ${messageOf(error)}\n`);
  return EXIT_ERROR;
}

function codeOf(error: unknown): string {
  if (error instanceof CommanderError) return 'ERR_INVALID_OPTION';
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? code : 'ERR_INTERNAL';
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Commander starts its own with a word that the code has said already.
  return error instanceof CommanderError ? message.replace(/^error: /, '') : message;
}

/** A logger whose lines go to standard error, from `level` up. */
export function stderrLogger(level: LogLevel): Logger {
  const lowest = LOG_LEVELS.indexOf(level);
  const write = (each: LogLevel) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    if (LOG_LEVELS.indexOf(each) < lowest) return;
    const detail = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields, plain)}`;
    process.stderr.write(`${each}: ${message}${detail}\n`);
  };
  return Object.fromEntries(LOG_LEVELS.map((each) => [each, write(each)])) as Logger;
}

/** A log line must not throw, and names an error without its stack. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  const isError = typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
  if (!isError) return value;
  const { code, name, message } = value as { code?: unknown; name?: unknown; message?: unknown };
  return `${String(code ?? name)}: ${String(message)}`;
}

/** `shardpool run ... | head` ends with its reader instead of going on unread, or failing with a stack trace. */
export function quitOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_BROKEN_PIPE);
  });
}
