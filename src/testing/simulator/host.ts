// Runs in the thread of the simulator: builds it, listens, and answers the starter.

import { setTimeout as sleep } from 'node:timers/promises';
import { encodeError, ShardpoolError } from '../../model/errors.ts';
import { Account } from './account.ts';
import { CallCounter } from './call-counts.ts';
import { CannedService } from './canned-service.ts';
import { MovableClock } from './clock.ts';
import { commandError, createCommands } from './commands.ts';
import { FaultScript } from './faults.ts';
import { FrontDoor } from './front-door.ts';
import { RateLimits } from './limits.ts';
import { LiveService } from './live-service.ts';
import type { ResolvedOptions } from './options.ts';
import type { Commands, FromThread, Request } from './protocol.ts';
import { HttpServer } from './server.ts';

/** The part of `parentPort` that is used here. */
export interface HostPort {
  postMessage(message: FromThread): void;
  on(event: 'message', listener: (request: Request) => void): unknown;
  /** Closing it lets the thread end. */
  close(): void;
}

export async function hostSimulator(port: HostPort, options: ResolvedOptions): Promise<void> {
  const clock = new MovableClock();
  const limits = options.limits ? new RateLimits(clock, options.accountId) : null;
  const account = new Account(options, clock, limits);
  const faults = new FaultScript();
  const counter = new CallCounter();
  // An unreferenced timer: a delayed reply must not hold up the end of the thread.
  const pause = (ms: number) => sleep(ms, undefined, { ref: false });
  const { canned } = options;
  const service =
    canned === null
      ? new LiveService(account, faults, counter, pause)
      : new CannedService({ ...canned, arn: account.arnOf('canned') }, counter, clock);
  const server = new HttpServer(new FrontDoor(service, options.refuseAccessKeys), clock, pause);
  const commands = createCommands({
    account,
    clock,
    faults,
    counter,
    sleep: pause,
    stop: () => server.close(),
  });

  port.on('message', (request) => {
    void answer(port, commands, request, canned !== null);
  });
  try {
    port.postMessage({ type: 'ready', port: await server.listen(options.port) });
  } catch (error) {
    const text = `The simulator could not listen on 127.0.0.1:${options.port}`;
    port.postMessage({
      type: 'failed',
      error: encodeError(new ShardpoolError('ERR_CONNECTION', text, { cause: error })),
    });
    port.close();
  }
}

const CANNED_COMMANDS: readonly string[] = ['calls', 'stop'];

async function answer(port: HostPort, commands: Commands, request: Request, canned: boolean): Promise<void> {
  const { id, command, args } = request;
  try {
    if (canned && !CANNED_COMMANDS.includes(command)) {
      throw new ShardpoolError('ERR_INVALID_STATE', `A canned simulator cannot ${command}`);
    }
    const run = commands[command] as (...args: readonly unknown[]) => Promise<unknown>;
    port.postMessage({ type: 'reply', id, value: await run(...args) });
  } catch (error) {
    port.postMessage({ type: 'error', id, error: encodeError(commandError(error)) });
  }
  if (command === 'stop') port.close();
}
