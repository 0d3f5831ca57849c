// `shardpool run`: a consumer with a handler module, from the command line.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import { CONSUMER_EVENTS, type ConsumerEvents } from '../consumer/events.ts';
import { Consumer } from '../consumer.ts';
import { ShardpoolError } from '../model/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../model/logger.ts';
import type { ConsumerOptions } from '../options.ts';
import { systemClock } from '../platform/clock.ts';
import { EVENT_WORDS } from './event-words.ts';
import { stopWhenIdle } from './idle-stop.ts';
import { listenForInterruption } from './interruption.ts';
import { seconds } from './numbers.ts';
import { EXIT_OK, isDebugging, printEnd, printError, printLine, printStack, stderrLogger } from './output.ts';
import { flagOf, RUN_OPTIONS, spokenInFlags, toConsumerOptions } from './run-options.ts';

type Values = Readonly<Record<string, string>> & { readonly logLevel: LogLevel };

export function addRun(program: Command, onEnd: (exitCode: number) => void): void {
  const command = program
    .command('run')
    .description('read a stream with a handler module until Ctrl-C')
    .argument('<module>', 'path or URL of a module with `export default defineHandler(...)`');
  for (const { path, argument, words } of RUN_OPTIONS) {
    const option = new Option(`${flagOf(path)} ${argument}`, words);
    command.addOption(path === 'stream' ? option.makeOptionMandatory() : option);
  }
  command
    .addOption(
      new Option('--log-level <level>', 'lowest level of log lines on standard error')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .action(async (module: string, values: Values) => {
      onEnd(await run(module, values));
    });
}

/** Returns the exit code. */
async function run(module: string, values: Values): Promise<number> {
  using interruption = listenForInterruption();
  const started = systemClock.monotonic();
  const options: ConsumerOptions = {
    ...toConsumerOptions(values),
    logger: stderrLogger(values.logLevel),
    signal: interruption.signal,
  };
  const consumer = openConsumer(options);
  const url = moduleUrl(module);
  const counts = printEvents(consumer);
  printHandlerErrors(consumer);
  interruption.signal.addEventListener('abort', () => printLine('stopping; once more to end at once'));

  const ended = new AbortController();
  const idle = stopWhenIdle(consumer, options.idleTimeoutMs ?? null, ended.signal);
  let stop: ConsumerEvents['stopped'][0] | null = null;
  consumer.on('stopped', (how) => {
    stop = how;
  });
  const failure = await consumer.run(url).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  ended.abort();
  await idle;
  // A consumer that never got ready has only its error to tell.
  if (counts.has('ready')) printLine(summary(counts, systemClock.monotonic() - started));
  return failure === null
    ? exitCodeOf(stop)
    : printEnd(failure.error, values.logLevel === 'debug' || isDebugging());
}

function openConsumer(options: ConsumerOptions): Consumer {
  try {
    return new Consumer(options);
  } catch (error) {
    throw spokenInFlags(error);
  }
}

/** Paths are relative to the working directory, as in every other command of a shell. */
function moduleUrl(module: string): string {
  if (/^(data|node):/.test(module)) return module;
  const path = module.startsWith('file:') ? fileURLToPath(module) : resolve(module);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) {
    const but = found === undefined ? '' : ': it is a directory';
    throw new ShardpoolError('ERR_INVALID_HANDLER', `There is no handler module ${path}${but}`);
  }
  return module.startsWith('file:') ? module : pathToFileURL(path).href;
}

type Counts = Map<keyof ConsumerEvents, number>;

function printEvents(consumer: Consumer): Counts {
  const counts: Counts = new Map();
  for (const name of CONSUMER_EVENTS) {
    // The error ends the command and is printed as its last line.
    if (name === 'error') continue;
    const words = EVENT_WORDS[name] as (...args: readonly unknown[]) => string;
    consumer.on(name, (...args: readonly unknown[]) => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      printLine(words(...args));
    });
  }
  return counts;
}

/** Where the handler threw, once for the same error however often it comes. */
function printHandlerErrors(consumer: Consumer): void {
  let last = '';
  consumer.on('handler:failed', ({ error }) => {
    // Who called the handler is another one each time.
    const [place = ''] = /^ +at .*$/m.exec(error.stack ?? '') ?? [];
    const seen = `${error.name}: ${error.message}${place}`;
    if (seen !== last) printStack(error);
    last = seen;
  });
}

function summary(counts: Counts, elapsedMs: number): string {
  const count = (name: keyof ConsumerEvents) => counts.get(name) ?? 0;
  return [
    `summary: ran ${seconds(elapsedMs)}`,
    `${count('shard:start')} shard starts`,
    `${count('shard:end')} shard ends`,
    `${count('handler:failed')} failed handler calls`,
    `${count('shard:retry') + count('topology:retry')} retried reads`,
    `${count('lease:lost')} leases lost`,
    `${count('thread:died')} threads died`,
  ].join(', ');
}

function exitCodeOf(stop: ConsumerEvents['stopped'][0] | null): number {
  if (stop === null || (stop.clean && stop.late === 0)) return EXIT_OK;
  const message =
    stop.late === 0
      ? 'The threads did not end in time; what they had not checkpointed will be read again'
      : `${stop.late} handler calls did not finish within the drain deadline; their batches will be read again`;
  return printError(new ShardpoolError('ERR_TIMEOUT', message));
}
