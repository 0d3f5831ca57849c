// `shardpool simulator`: an embedded Kinesis for trying things out, with a stream and records if asked for.

import type { Command } from 'commander';
import { startSimulator } from '../testing/index.ts';
import { feed } from './feed.ts';
import { aborted, listenForInterruption } from './interruption.ts';
import { expectInteger } from './numbers.ts';
import { EXIT_OK, printLine } from './output.ts';
import { spokenInFlags } from './run-options.ts';

interface Values {
  readonly port: string;
  readonly region: string;
  readonly stream: string;
  readonly shards: string;
  readonly feed: string;
  readonly limits: boolean;
}

const MAX_FEED = 100_000;

export function addSimulator(program: Command, onEnd: (exitCode: number) => void): void {
  program
    .command('simulator')
    .description('run a Kinesis on this machine, in memory, until Ctrl-C')
    .option('--port <n>', 'port on 127.0.0.1; 0 is a free one', '0')
    .option('--region <name>', 'region it says it is', 'us-east-1')
    .option('--stream <name>', 'stream to create', 'orders')
    .option('--shards <n>', 'shards of that stream', '2')
    .option('--feed <n>', 'records to put per second', '0')
    .option('--no-limits', 'without the rate limits of Kinesis')
    .action(async (values: Values) => {
      onEnd(await simulator(values));
    });
}

/** Returns the exit code. */
async function simulator(values: Values): Promise<number> {
  const port = expectInteger('--port', values.port, 0, 65_535);
  const shards = expectInteger('--shards', values.shards, 1, 10_000);
  const perSecond = expectInteger('--feed', values.feed, 0, MAX_FEED);
  using interruption = listenForInterruption();
  const spoken = (error: unknown): never => {
    throw spokenInFlags(error);
  };
  const options = { port, region: values.region, limits: values.limits };
  await using server = await startSimulator(options).catch(spoken);
  await server.createStream(values.stream, { shards }).catch(spoken);

  printLine(`The simulator runs at ${server.endpoint} in ${server.region}; Ctrl-C ends it.`);
  printLine(
    `Stream ${values.stream} has ${shards} shards${perSecond > 0 ? ` and gets ${perSecond} records/s` : ''}.`,
  );
  printLine('');
  printLine(`export AWS_ENDPOINT_URL_KINESIS=${server.endpoint}`);
  printLine(`export AWS_REGION=${server.region}`);
  printLine(`export AWS_ACCESS_KEY_ID=${server.credentials.accessKeyId}`);
  printLine(`export AWS_SECRET_ACCESS_KEY=${server.credentials.secretAccessKey}`);

  if (perSecond > 0) await feed(server, values.stream, perSecond, interruption.signal);
  else await aborted(interruption.signal);
  printLine('stopped');
  return EXIT_OK;
}
