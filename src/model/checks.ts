// Checks of what users pass in; each failure names the option, what it should be, and what came.

import { ShardpoolError } from './errors.ts';

/** "Expected `threads` to be an integer from 1 to 256, got `0`". */
export function invalid(name: string, expected: string, got: unknown): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_OPTION',
    `Expected \`${name}\` to be ${expected}, got \`${show(got)}\``,
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date) return String(value.getTime());
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** With Infinity as `max`, Infinity itself fits too. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  const whole = Number.isInteger(value) || value === Infinity;
  if (typeof value === 'number' && whole && value >= min && value <= max) return value;
  const range = max >= Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  throw invalid(name, `an integer ${range}${max === Infinity ? ', or Infinity' : ''}`, value);
}

export function number(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw invalid(name, `a number from ${min} to ${max}`, value);
}

export function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(name, 'true or false', value);
}

export function text(
  name: string,
  value: unknown,
  pattern = /./s,
  expected = 'a string that is not empty',
): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw invalid(name, expected, value);
}

export function oneOf<const T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalid(name, allowed.map((each) => `'${each}'`).join(' or '), value);
  return found;
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
