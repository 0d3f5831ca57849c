// Root of a handler thread: imports the user's module and receives batches for it.

import { callsInHand } from '../delivery/calls-in-hand.ts';
import type { Receiver } from '../delivery/receiver.ts';
import { importHandler } from '../handler.ts';
import { encodeError } from '../model/errors.ts';
import type { Handler } from '../model/handler.ts';
import { LOG_LEVELS, type Logger, type LogLevel } from '../model/logger.ts';
import type { Port } from '../platform/port.ts';
import { ofReceiver, progressOf } from '../platform/progress.ts';
import type { HandlerThreadToMain, MainToHandlerThread, ReceiverConfig, SharedMemory } from '../protocol.ts';
import { openReceiver, type ReceivingThread } from './open-receiver.ts';

type Start = Extract<MainToHandlerThread, { type: 'start' }>;
type Attach = Pick<Start, 'memory' | 'coordinator'>;

interface Running {
  readonly handler: Handler;
  readonly config: ReceiverConfig;
  readonly thread: ReceivingThread;
  receiver: Receiver | null;
}

const TICK_MS = 500;

export function runHandlerThread(main: Port<HandlerThreadToMain, MainToHandlerThread>): void {
  const fatal = (error: unknown) => main.post({ type: 'fatal', error: encodeError(error) });
  const logger = forwardingLogger(main);

  let ending = false;
  /** What there is to take down, once `setup` has run. */
  let running: Running | null = null;
  /** Openings of receivers, one after the other. */
  let opened: Promise<void> = Promise.resolve();

  /** Told by the coordinator after its stop, or by main when there is no coordinator; the second one finds it done. */
  const end = async () => {
    if (ending) return;
    ending = true;
    running?.receiver?.close();
    try {
      await running?.handler.teardown?.();
    } catch (error) {
      logger.error({ error: encodeError(error) }, 'The teardown of the handler failed');
    }
    main.post({ type: 'ended' });
    main.close();
  };

  const start = async (message: Start) => {
    const handler = await importHandler(message.module);
    if (ending) return;
    await handler.setup?.({ logger, thread: message.thread });
    running = {
      handler,
      config: message.config,
      thread: { receiver: message.thread, calls: callsInHand(), mayDie: true },
      receiver: null,
    };
    tickIn(running.thread.receiver, message.memory);
    await attach(running, message);
    main.post({ type: 'ready' });
  };

  const attach = async (to: Running, { memory, coordinator }: Attach) => {
    to.receiver?.detach();
    to.receiver = await openReceiver(
      {
        link: coordinator,
        config: to.config,
        memory,
        handler: to.handler,
        logger,
        emit: (event) => main.post({ type: 'event', event }),
        onError: fatal,
        onEnd: () => void end(),
      },
      to.thread,
    );
  };

  let ticking: NodeJS.Timeout | null = null;
  const tickIn = (receiver: number, memory: SharedMemory) => {
    if (ticking !== null) clearInterval(ticking);
    const { tick } = progressOf(memory.progress, ofReceiver(receiver, memory.hosts));
    // By this main sees that the event loop turns.
    ticking = setInterval(tick, TICK_MS).unref();
  };

  main.onMessage((message) => {
    switch (message.type) {
      case 'start':
        opened = start(message).catch(fatal);
        break;
      case 'attach':
        opened = opened
          .then(async () => {
            if (running === null || ending) return;
            tickIn(running.thread.receiver, message.memory);
            await attach(running, message);
          })
          .catch(fatal);
        break;
      case 'end':
        void end();
        break;
      default:
        message satisfies never;
    }
  });
}

/** Standard output of a thread waits for the main one and is lost at its exit; messages do not and are not. */
function forwardingLogger(main: Port<HandlerThreadToMain, MainToHandlerThread>): Logger {
  const write = (level: LogLevel) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    try {
      main.post({ type: 'log', record: { level, message, fields } });
    } catch {
      // A field that cannot be cloned must not take the line with it.
      main.post({ type: 'log', record: { level, message, fields: { unclonable: Object.keys(fields) } } });
    }
  };
  return Object.fromEntries(LOG_LEVELS.map((level) => [level, write(level)])) as Logger;
}
