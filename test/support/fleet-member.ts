// One process of a fleet: a consumer until SIGTERM, which writes a log of all that it does.

import { CONSUMER_EVENTS } from '../../src/consumer/events.ts';
import { Consumer, type ConsumerOptions } from '../../src/index.ts';
import type { LogLevel } from '../../src/model/logger.ts';
import { fleetPen, now } from './fleet-log.ts';
import type { HandlerPace } from './fleet-handler.ts';

export interface MemberInput {
  readonly file: string;
  readonly pace: HandlerPace;
  readonly consumer: ConsumerOptions;
}

const HEALTH_EVERY_MS = 500;

const { file, pace, consumer: options } = JSON.parse(process.argv[2]!) as MemberInput;
const write = fleetPen(file);

const say = (level: LogLevel) => (_fields: unknown, message: string) =>
  write({ type: 'log', at: now(), level, message });
const logger = { debug() {}, info() {}, warn: say('warn'), error: say('error') };

const consumer = new Consumer({ ...options, logger });
for (const name of CONSUMER_EVENTS) {
  consumer.on(name, (detail: Readonly<Record<string, unknown>> | Error | undefined) =>
    write({
      type: 'event',
      at: now(),
      name,
      detail: detail instanceof Error ? { error: String(detail) } : { ...detail, ...said(detail) },
    }),
  );
}
process.once('SIGTERM', () => void consumer.stop());
write({ type: 'born', at: now(), pid: process.pid });
const looks = setInterval(() => {
  void consumer
    .health()
    .then(({ healthy, problems }) =>
      write({ type: 'health', at: now(), healthy, problems: problems.map(({ name }) => name) }),
    );
}, HEALTH_EVERY_MS);
const handler = new URL('./fleet-handler.js', import.meta.url);
handler.searchParams.set('file', file);
handler.searchParams.set('pace', JSON.stringify(pace));
try {
  await consumer.run(handler);
} finally {
  clearInterval(looks);
}
write({ type: 'stopped', at: now() });

/** Of an error JSON keeps nothing. */
function said(detail: Readonly<Record<string, unknown>> | undefined): { error?: string } {
  return detail?.['error'] instanceof Error ? { error: String(detail['error']) } : {};
}
