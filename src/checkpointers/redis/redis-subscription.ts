// Listens for changes on a connection of its own, and comes back after every loss of it. Best effort.

import type { Redis } from 'ioredis';
import { delay, type Timer, type Timers } from '../../platform/timers.ts';
import { backOff } from './redis-clients.ts';

export interface RedisSubscriptionParts {
  /** One that is not connected and does not reconnect; null where there is no server to listen to just now. */
  readonly makeClient: () => Redis | null;
  readonly channel: string;
  /** Also after each connection that was made: something may have changed while nobody listened. */
  readonly onChange: () => void;
  readonly timers: Timers;
}

export interface RedisSubscription {
  close(): Promise<void>;
}

/** Changes within this time are told as one. */
const TOGETHER_MS = 10;
/** A connection that only listens does not notice that its far end is gone. */
const PING_EVERY_MS = 10_000;

export function createRedisSubscription(parts: RedisSubscriptionParts): RedisSubscription {
  const { makeClient, channel, timers } = parts;
  const over = new AbortController();
  let client: Redis | null = null;
  let soon: Timer | null = null;

  const tell = () => {
    soon ??= timers.setTimeout(() => {
      soon = null;
      if (!over.signal.aborted) parts.onChange();
    }, TOGETHER_MS);
  };

  /** Resolves when the connection has ended. */
  const listen = async (mine: Redis, heard: () => void): Promise<void> => {
    const ended = new Promise<void>((resolve) => mine.once('end', () => resolve()));
    mine.on('error', () => undefined);
    mine.on('message', tell);
    try {
      await mine.connect();
      await mine.subscribe(channel);
      heard();
      tell();
      while (!over.signal.aborted && mine.status === 'ready') {
        await Promise.race([ended, delay(timers, PING_EVERY_MS, over.signal)]);
        if (mine.status === 'ready') mine.ping().catch(() => mine.disconnect());
      }
    } catch {
      // The next one tries again.
    }
    if (mine.status !== 'end') mine.disconnect();
  };

  const keepListening = async (): Promise<void> => {
    let attempt = 0;
    while (!over.signal.aborted) {
      client = makeClient();
      if (client !== null) await listen(client, () => (attempt = 0));
      attempt += 1;
      await delay(timers, backOff(attempt), over.signal);
    }
  };
  const done = keepListening();

  return {
    async close() {
      over.abort();
      if (soon !== null) timers.clearTimeout(soon);
      client?.disconnect();
      await done;
    },
  };
}
