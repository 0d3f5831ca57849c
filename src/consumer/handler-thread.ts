// Root of a handler thread: imports the user's module and receives batches for it.

import { importHandler } from '../handler.ts';
import { encodeError } from '../model/errors.ts';
import type { Handler } from '../model/handler.ts';
import { LOG_LEVELS, type Logger, type LogLevel } from '../model/logger.ts';
import type { Port } from '../platform/port.ts';
import type { HandlerThreadToMain, MainToHandlerThread } from '../protocol.ts';
import { openReceiver } from './open-receiver.ts';

type Start = Extract<MainToHandlerThread, { type: 'start' }>;

export function runHandlerThread(main: Port<HandlerThreadToMain, MainToHandlerThread>): void {
  const fatal = (error: unknown) => main.post({ type: 'fatal', error: encodeError(error) });
  const logger = forwardingLogger(main);

  let ending = false;
  /** What there is to take down, once `setup` has run. */
  let running: { readonly handler: Handler; readonly closeReceiver: () => void } | null = null;

  /** Told by the coordinator after its stop, or by main when there is no coordinator; the second one finds it done. */
  const end = async () => {
    if (ending) return;
    ending = true;
    running?.closeReceiver();
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
    const closeReceiver = await openReceiver({
      link: message.coordinator,
      config: message.config,
      memory: message.memory,
      handler,
      logger,
      emit: (event) => main.post({ type: 'event', event }),
      onError: fatal,
      onEnd: () => void end(),
    });
    running = { handler, closeReceiver };
    main.post({ type: 'ready' });
  };

  main.onMessage((message) => {
    switch (message.type) {
      case 'start':
        start(message).catch(fatal);
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
