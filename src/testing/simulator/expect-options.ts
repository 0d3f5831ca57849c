// Checks of what users pass in; each failure names the option, what it should be, and what it was.

import { ShardpoolError } from '../../model/errors.ts';

export function invalid(name: string, wanted: string, got: unknown): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_OPTION',
    `Expected \`${name}\` to be ${wanted}, got \`${show(got)}\``,
  );
}

export function integer(name: string, value: unknown, min: number, max: number): number {
  if (
    typeof value === 'number' &&
    value >= min &&
    value <= max &&
    (Number.isInteger(value) || value === Infinity)
  ) {
    return value;
  }
  const range = max >= Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  throw invalid(name, `an integer ${range}${max === Infinity ? ' or Infinity' : ''}`, value);
}

export function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(name, 'true or false', value);
}

export function text(name: string, value: unknown, pattern: RegExp, wanted: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw invalid(name, wanted, value);
}

export function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T;
  throw invalid(name, `one of ${allowed.join(', ')}`, value);
}

/** An object that has no other keys than these: a mistyped option must not be ignored. */
export function object(
  name: string,
  value: unknown,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(name, 'an object', value);
  const stray = Object.keys(value).find((key) => !keys.includes(key));
  if (stray !== undefined) throw invalid(name, `an object with the keys ${keys.join(', ')}`, stray);
  return value as Readonly<Record<string, unknown>>;
}

export const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
export const STREAM_NAME_WORDS = 'a stream name (1 to 128 letters, digits, `_`, `.` or `-`)';

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value);
}
