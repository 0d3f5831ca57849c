// How cases of the lease store contract are written down.

import type { Setting } from './setting.ts';

/** By title. Each one starts with a store of its own that is open and has its app row, and nothing else. */
export type CaseList = Readonly<Record<string, (setting: Setting) => Promise<void>>>;

/** The same case for each of the values. */
export function forEach<T>(
  values: readonly T[],
  title: (value: T) => string,
  run: (setting: Setting, value: T) => Promise<void>,
): CaseList {
  return Object.fromEntries(values.map((value) => [title(value), (setting) => run(setting, value)]));
}
