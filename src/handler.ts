// defineHandler, and how a handler is found in what a user passes or a module exports.

import { pathToFileURL } from 'node:url';
import { isAbsolute } from 'node:path';
import { ShardpoolError } from './model/errors.ts';
import type { Handler, HandlerFunction, HandlerHooks } from './model/handler.ts';

export type {
  Handler,
  HandlerContext,
  HandlerFunction,
  HandlerHooks,
  HandlerShard,
  PartlyFailed,
} from './model/handler.ts';

/**
 * A handler with its hooks, for `consumer.run` or as the default export of a module that handler threads import.
 * Throws ERR_INVALID_HANDLER when `handle` or a hook is not a function.
 */
export function defineHandler<T = unknown>(handle: HandlerFunction<T>, hooks: HandlerHooks = {}): Handler<T> {
  const handler: Handler<T> = { ...hooks, handle };
  check(handler, 'defineHandler');
  return handler;
}

const HOOKS = ['setup', 'teardown', 'onShardStart', 'onShardEnd'] as const;

function check(handler: Handler<never>, where: string): void {
  if (typeof handler.handle !== 'function') {
    throw new ShardpoolError(
      'ERR_INVALID_HANDLER',
      `Expected a function as handler in ${where}, got \`${describe(handler.handle)}\``,
    );
  }
  for (const hook of HOOKS) {
    const value: unknown = handler[hook];
    if (value !== undefined && typeof value !== 'function') {
      throw new ShardpoolError(
        'ERR_INVALID_HANDLER',
        `Expected \`${hook}\` in ${where} to be a function, got \`${describe(value)}\``,
      );
    }
  }
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value);
}

/** A function or a `defineHandler` result, as passed to `run` or exported by a module. */
export function toHandler(value: unknown, where: string): Handler {
  if (typeof value === 'function') return { handle: value as HandlerFunction };
  if (typeof value === 'object' && value !== null && 'handle' in value) {
    check(value as Handler<never>, where);
    return value as Handler;
  }
  const hint = typeof value === 'string' ? '; a module is named by its URL or its absolute path' : '';
  throw new ShardpoolError(
    'ERR_INVALID_HANDLER',
    `Expected ${where} to be a function or the result of defineHandler(...), got \`${describe(value)}\`${hint}`,
  );
}

/** The URL of a handler module given as URL, `file:` string or absolute path; null when it is none of them. */
export function handlerModuleUrl(value: unknown): string | null {
  if (value instanceof URL) return value.href;
  if (typeof value !== 'string') return null;
  if (isAbsolute(value)) return pathToFileURL(value).href;
  return /^(file|data|node):/.test(value) ? value : null;
}

/** Imports a handler module. Throws ERR_INVALID_HANDLER when it cannot be imported or exports no handler as default. */
export async function importHandler(url: string): Promise<Handler> {
  let exported: { default?: unknown };
  try {
    exported = (await import(url)) as { default?: unknown };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ShardpoolError(
      'ERR_INVALID_HANDLER',
      `The handler module ${url} could not be imported: ${reason}`,
      {
        cause,
      },
    );
  }
  if (exported.default === undefined) {
    throw new ShardpoolError(
      'ERR_INVALID_HANDLER',
      `The handler module ${url} has no default export; expected \`export default defineHandler(async (batch) => ...)\``,
    );
  }
  return toHandler(exported.default, `the default export of ${url}`);
}
