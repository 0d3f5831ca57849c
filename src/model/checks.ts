// Checks of what users pass in; each failure names the option, what it should be, and what came.

import { ShardpoolError } from './errors.ts';

/** "Expected `threads` to be an integer from 1 to 256, got `0`". */
export function invalid(name: string, expected: string, got: unknown, hint = ''): ShardpoolError {
  return new ShardpoolError(
    'ERR_INVALID_OPTION',
    `Expected \`${name}\` to be ${expected}, got \`${show(got)}\`${hint}`,
  );
}

const LONGEST_SHOWN = 100;

/** What came, in one line and never at length. */
export function show(value: unknown): string {
  return brief(plainly(value).replaceAll('\n', '\\n').replaceAll('\r', '\\r'));
}

export function brief(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}...`;
}

function plainly(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (isClass(value)) return `the class ${value.name}`.trimEnd();
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return objectPlainly(value);
  return String(value);
}

function objectPlainly(value: object): string {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const { constructor } = value;
  if (prototype !== null && prototype !== Object.prototype && !Array.isArray(value)) {
    return `an instance of ${typeof constructor === 'function' ? constructor.name : 'a class'}`;
  }
  try {
    const json: string | undefined = JSON.stringify(value, shownInside);
    return json ?? 'an object';
  } catch {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
}

/** JSON leaves them out, or refuses them. */
function shownInside(_key: string, value: unknown): unknown {
  return typeof value === 'function' || typeof value === 'bigint' ? plainly(value) : value;
}

/** Calling it without `new` throws. */
export function isClass(value: unknown): value is new (...args: never) => object {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

/** With Infinity as `max`, Infinity itself fits too. */
export function integer(name: string, value: unknown, min: number, max: number, or = ''): number {
  const whole = Number.isInteger(value) || value === Infinity;
  if (typeof value === 'number' && whole && value >= min && value <= max) return value;
  const range = max >= Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  throw invalid(name, `${or}an integer ${range}${max === Infinity ? ', or Infinity' : ''}`, value);
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
  const given = bag(name, value);
  const stray = Object.keys(given).find((key) => !keys.includes(key));
  if (stray !== undefined)
    throw invalid(name, `an object with the keys ${keys.join(', ')}`, stray, didYouMean(stray, keys, '; '));
  return given;
}

/** An object of fields, of a class of one's own too; not a promise of one, a date or a map, which would all seem to be empty. */
export function bag(name: string, value: unknown): Readonly<Record<string, unknown>> {
  const tag = Object.prototype.toString.call(value);
  if (tag !== '[object Object]' && tag !== '[object Module]') throw invalid(name, 'an object', value);
  return value as Readonly<Record<string, unknown>>;
}

/** "; did you mean `threads`?", or nothing where no name is near. */
export function didYouMean(given: string, names: readonly string[], before: string): string {
  const name = nearest(given, names);
  return name === null ? '' : `${before}did you mean \`${name}\`?`;
}

/** Shorter names are found in too many others. */
const SHORTEST_STEM = 5;

/** The name that was probably meant: but for a few letters, for how it is written, or for what is put before or after it. */
export function nearest(given: string, names: readonly string[]): string | null {
  const bare = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const typed = bare(given);
  let best: string | null = null;
  let fewest = Math.max(1, Math.floor(typed.length / 4)) + 1;
  for (const name of names) {
    const edits = editsBetween(typed, bare(name));
    if (edits < fewest) [best, fewest] = [name, edits];
  }
  if (best !== null) return best;
  const away = (name: string) => Math.abs(bare(name).length - typed.length);
  const stems = names.filter((name) => {
    const [short, long] = [typed, bare(name)].toSorted((a, b) => a.length - b.length) as [string, string];
    return short.length >= SHORTEST_STEM && (long.startsWith(short) || long.endsWith(short));
  });
  return stems.toSorted((a, b) => away(a) - away(b))[0] ?? null;
}

/** Letters to add, to leave out, to change, or to swap with the next one. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
