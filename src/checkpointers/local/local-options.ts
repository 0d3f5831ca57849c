// The options of the local checkpointer: where on this host its rows are. The only place where its defaults are written.

import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean, invalid, text } from '../../model/checks.ts';
import type { SpecOptions } from '../../model/specs.ts';

export interface LocalOptions {
  /** Absolute; a directory, made where it is missing. */
  readonly path: string;
}

/** Each option as the docs list it. */
export const LOCAL_OPTIONS = ['path'] as const;

const A_DIRECTORY = 'a directory, as a path or a file: URL';

/** Throws ERR_INVALID_OPTION for what the local checkpointer does not take. */
export function resolveLocalOptions(
  options: SpecOptions,
  env: NodeJS.ProcessEnv = process.env,
): LocalOptions {
  const stray = Object.keys(options).find((name) => !LOCAL_OPTIONS.some((known) => known === name));
  if (stray !== undefined) {
    const expected = `nothing: 'local' has the option ${LOCAL_OPTIONS.join(', ')}`;
    throw invalid(`checkpointer.${stray}`, expected, options[stray], didYouMean(stray, LOCAL_OPTIONS, '; '));
  }
  const { path } = options;
  return { path: path === undefined ? stateDirectory(env) : directory(path) };
}

function directory(value: unknown): string {
  const given = text('checkpointer.path', value, /^[^\0]*\S[^\0]*$/, A_DIRECTORY);
  // A drive letter is no scheme.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(given)) return resolve(given);
  try {
    return resolve(fileURLToPath(given));
  } catch {
    throw invalid('checkpointer.path', A_DIRECTORY, value);
  }
}

/** Where programs of this user keep what has to outlive them. */
function stateDirectory(env: NodeJS.ProcessEnv): string {
  const { XDG_STATE_HOME: state, LOCALAPPDATA: appData } = env;
  // The specification has a relative one ignored.
  if (state !== undefined && isAbsolute(state)) return join(state, 'shardpool');
  if (process.platform === 'win32' && appData !== undefined) return join(appData, 'shardpool', 'state');
  return join(homedir(), '.local', 'state', 'shardpool');
}
