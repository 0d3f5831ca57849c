// defineHandler, and how a handler is found in what a user passes or a module exports.

import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { brief, didYouMean, isClass, nearest, object, show } from './model/checks.ts';
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
 * Throws ERR_INVALID_HANDLER when `handle` or a hook is not a function, ERR_INVALID_OPTION for a hook that there is not.
 */
export function defineHandler<T = unknown>(handle: HandlerFunction<T>, hooks: HandlerHooks = {}): Handler<T> {
  object('hooks', hooks, HOOKS);
  const handler: Handler<T> = { ...hooks, handle };
  check(handler, 'defineHandler');
  return handler;
}

const HOOKS = ['setup', 'teardown', 'onShardStart', 'onShardEnd'] as const;

function check(handler: Handler<never>, where: string): void {
  if (typeof handler.handle !== 'function' || isClass(handler.handle)) {
    throw invalidHandler(`Expected a function as handler in ${where}, got \`${show(handler.handle)}\``);
  }
  for (const hook of HOOKS) {
    const value: unknown = handler[hook];
    if (value !== undefined && typeof value !== 'function') {
      throw invalidHandler(`Expected \`${hook}\` in ${where} to be a function, got \`${show(value)}\``);
    }
  }
}

/** A handler made by hand may have fields of its own, but hardly a function whose name is almost that of a hook. */
function checkHooks(handler: object, where: string): void {
  for (const [name, value] of Object.entries(handler)) {
    const isOurs = name === 'handle' || HOOKS.some((hook) => hook === name);
    if (isOurs || typeof value !== 'function' || nearest(name, HOOKS) === null) continue;
    const hint = didYouMean(name, HOOKS, '; ');
    throw new ShardpoolError('ERR_INVALID_OPTION', `\`${name}\` in ${where} is not a hook${hint}`);
  }
}

function invalidHandler(message: string, cause?: unknown): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_HANDLER', message, { cause });
}

/** A function or a `defineHandler` result, as passed to `run` or exported by a module. */
export function toHandler(value: unknown, where: string): Handler {
  if (typeof value === 'function' && !isClass(value)) return { handle: value as HandlerFunction };
  if (typeof value === 'object' && value !== null && 'handle' in value) {
    check(value as Handler<never>, where);
    checkHooks(value, where);
    return value as Handler;
  }
  throw invalidHandler(
    `Expected ${where} to be a function or the result of defineHandler(...), got \`${show(value)}\`${hintFor(value)}`,
  );
}

function hintFor(value: unknown): string {
  if (typeof value === 'string') return '; a module is named by its URL or its absolute path';
  if (isClass(value)) return '; pass an object with a function `handle`';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  if ('then' in value) return '; it has to be awaited first';
  return `; it has no function \`handle\`, but ${Object.keys(value).join(', ') || 'nothing'}`;
}

/** The URL of a handler module given as URL, `file:` string or absolute path; null when it is none of them. */
export function handlerModuleUrl(value: unknown): string | null {
  if (value instanceof URL) return value.href;
  if (typeof value !== 'string') return null;
  if (isAbsolute(value)) return pathToFileURL(value).href;
  return /^(file|data|node):/.test(value) ? value : null;
}

/**
 * Imports a handler module. Throws ERR_INVALID_HANDLER when it cannot be imported or exports no handler as default, and
 * ERR_INVALID_OPTION for a hook that there is not.
 */
export async function importHandler(url: string): Promise<Handler> {
  let exported: { default?: unknown };
  try {
    exported = (await import(url)) as { default?: unknown };
  } catch (cause) {
    const message = `The handler module ${shown(url)} could not be imported: ${reasonOf(cause)}`;
    // What defineHandler says in the module is what it says here.
    if (cause instanceof ShardpoolError) throw new ShardpoolError(cause.code, message, { cause });
    throw invalidHandler(message, cause);
  }
  if (exported.default === undefined) {
    const names = Object.keys(exported);
    const others = names.length === 0 ? '' : `, only ${names.join(', ')}`;
    throw invalidHandler(
      `The handler module ${shown(url)} has no default export${others}; expected \`export default defineHandler(async (batch) => ...)\``,
    );
  }
  return toHandler(exported.default, `the default export of ${shown(url)}`);
}

/** The text of a `data:` URL is a whole program. */
function shown(url: string): string {
  return url.startsWith('data:') ? brief(url) : url;
}

/** In one line, and without that it was this file that imported the module. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(` imported from ${HERE}`, '').split('\n', 1)[0] ?? '';
}

const HERE = fileURLToPath(import.meta.url);
