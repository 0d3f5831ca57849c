// Where and with what something was measured.

import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  readonly awsSdk: string;
  /** Over the minute before the start: others at work on the machine show here. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const sdk = createRequire(import.meta.url)('@aws-sdk/client-kinesis/package.json') as { version: string };
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    awsSdk: sdk.version,
    loadBefore: loadavg()[0] ?? 0,
  };
}
