// A fetch thread that reads nothing: it starts as its configuration says, greets each receiver, and dies as the shards that it is
// given are named.

import type { RawPort } from '../../../src/model/port.ts';
import type { NamedSpec } from '../../../src/model/specs.ts';
import { deferred } from '../../../src/platform/deferred.ts';
import { portOf } from '../../../src/platform/port.ts';
import type { CoordinatorToFetcher, FetcherTask, FetcherToCoordinator } from '../../../src/protocol.ts';
import { dieBy, type WayToDie } from '../../support/ways-to-die.ts';

/** In the options of its processor. */
export type Start = 'ready' | 'silent' | 'throw' | 'exit';

/** What it says to each receiver. */
export interface Greeting {
  readonly host: number;
  readonly receiver: number;
}

export async function runPoolThread({ host, config, control: raw, data }: FetcherTask): Promise<void> {
  const { start } = (config.processor as NamedSpec<string>).options as { start: Start };
  if (start === 'throw') throw new Error('thrown at its start');
  if (start === 'exit') process.exit(3);
  const control = portOf<FetcherToCoordinator, CoordinatorToFetcher>(raw);
  const ended = deferred();
  const ports: RawPort[] = [];
  const greet = (receiver: number, port: RawPort) => {
    ports.push(port);
    port.postMessage({ host, receiver } satisfies Greeting);
  };
  for (const [receiver, port] of data) greet(receiver, port);
  control.onMessage((message) => {
    if (message.type === 'receiver') greet(message.receiver, message.port);
    if (message.type === 'assign') dieBy(message.shardId as WayToDie);
    if (message.type === 'ping') control.post({ type: 'pong', id: message.id, utilization: 0 });
    if (message.type === 'end') ended.resolve();
  });
  if (start === 'ready') control.post({ type: 'ready' });
  await ended.promise;
  for (const port of [raw, ...ports]) port.close?.();
}
