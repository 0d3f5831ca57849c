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

/** One line on standard error, the last one of the command. Returns the exit code. */
export function printError(error: unknown, withStacks = isDebugging()): number {
  if (withStacks && !(error instanceof CommanderError)) printStack(error);
  process.stderr.write(`shardpool: ${codeOf(error)}: ${messageOf(error)}\n`);
  return EXIT_ERROR;
}

/** The stack of an error and those of its causes, on standard error. */
export function printStack(error: unknown): void {
  const shown = new Set<unknown>();
  for (let each = error; each instanceof Error && !shown.has(each); each = each.cause) {
    process.stderr.write(`${shown.size === 0 ? '' : 'caused by '}${each.stack ?? String(each)}\n`);
    shown.add(each);
  }
}

export function isDebugging(): boolean {
  return (process.env['DEBUG'] ?? '') !== '';
}

/** What ended a consumer. An error of the user's own code has its own code or name, and its stack. */
export function printEnd(error: unknown, withStacks = isDebugging()): number {
  const thrown = thrownByUser(error);
  if (!withStacks && thrown !== null) printStack(thrown);
  if (thrown !== error) return printError(error, withStacks);
  const { code, name } = error as { code?: unknown; name: string };
  if (withStacks) printStack(error);
  process.stderr.write(`shardpool: ${typeof code === 'string' ? code : name}: ${messageOf(error)}\n`);
  return EXIT_ERROR;
}

/** The error itself, or what a module of the user threw while it was imported. That it could not be loaded at all has no stack. */
function thrownByUser(error: unknown): Error | null {
  if (!(error instanceof Error)) return null;
  if (!isOurs(error)) return error;
  const { cause } = error;
  const isOfModule = ['ERR_INVALID_HANDLER', 'ERR_INVALID_PROCESSOR'].includes(codeOf(error));
  if (!isOfModule || !(cause instanceof Error) || isOurs(cause)) return null;
  return 'code' in cause || cause.name === 'SyntaxError' ? null : cause;
}

function isOurs(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && Object.hasOwn(ERROR_CODES, error.code);
}

function codeOf(error: unknown): string {
  if (error instanceof CommanderError) return 'ERR_INVALID_OPTION';
  return error instanceof Error && isOurs(error) ? (error as { code?: string }).code! : 'ERR_INTERNAL';
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // Commander starts its own with a word that the code has said already, and asks what was meant in a second line.
  const plain = error instanceof CommanderError ? message.replace(/^error: /, '') : message;
  return plain.replaceAll(/\s*\n\s*/g, ' ');
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
