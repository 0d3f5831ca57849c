// Reads the fields of a request and collects what is wrong with them, in the words of AWS.

import { AwsError } from './aws-error.ts';

export type RequestBody = Readonly<Record<string, unknown>>;

interface TextRule {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  readonly oneOf?: readonly string[];
}

interface NumberRule {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** The getters return a stand-in for a bad field, so call {@link Fields.check} before using any of them. */
export class Fields {
  readonly #body: RequestBody;
  readonly #path: string;
  readonly #violations: string[];

  constructor(body: RequestBody, path = '', violations: string[] = []) {
    this.#body = body;
    this.#path = path;
    this.#violations = violations;
  }

  text(name: string, rule: TextRule & { required: true }): string;
  text(name: string, rule?: TextRule): string | null;
  text(name: string, rule: TextRule = {}): string | null {
    const value = this.#read(name, rule.required);
    if (value === null) return rule.required === true ? '' : null;
    if (typeof value !== 'string') throw wrongType(value, 'a String');
    if (value.length < (rule.min ?? 0)) {
      this.#add(value, name, `Member must have length greater than or equal to ${rule.min}`);
    }
    if (value.length > (rule.max ?? Infinity)) {
      this.#add(value, name, `Member must have length less than or equal to ${rule.max}`);
    }
    if (rule.pattern !== undefined && !rule.pattern.test(value)) {
      this.#add(value, name, `Member must satisfy regular expression pattern: ${rule.pattern.source}`);
    }
    if (rule.oneOf !== undefined && !rule.oneOf.includes(value)) {
      this.#add(value, name, `Member must satisfy enum value set: [${rule.oneOf.join(', ')}]`);
    }
    return value;
  }

  integer(name: string, rule: NumberRule & { required: true }): number;
  integer(name: string, rule?: NumberRule): number | null;
  integer(name: string, rule: NumberRule = {}): number | null {
    const value = this.#read(name, rule.required);
    if (value === null) return rule.required === true ? 0 : null;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(value, 'an Integer');
    if (value < (rule.min ?? -Infinity)) {
      this.#add(value, name, `Member must have value greater than or equal to ${rule.min}`);
    }
    if (value > (rule.max ?? Infinity)) {
      this.#add(value, name, `Member must have value less than or equal to ${rule.max}`);
    }
    return value;
  }

  /** A time in ms since the epoch; on the wire it is in seconds, with a fraction. */
  time(name: string): number | null {
    const value = this.#read(name, false);
    if (value === null) return null;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongType(value, 'a Timestamp');
    return Math.round(value * 1000);
  }

  /** A structure inside this one; null when it is absent. */
  structure(name: string, required = false): Fields | null {
    const value = this.#read(name, required);
    if (value === null) return null;
    if (!isObject(value)) throw wrongType(value, 'a Structure');
    return new Fields(value, `${this.#path}${lowerFirst(name)}.`, this.#violations);
  }

  /** A map of texts, as pairs; an empty one when it is absent. */
  map(
    name: string,
    rule: { required: boolean; min: number; max: number },
    keyRule: { min: number; max: number },
    valueRule: { min: number; max: number },
  ): [key: string, value: string][] {
    const value = this.#read(name, rule.required);
    if (value === null) return [];
    if (!isObject(value)) throw wrongType(value, 'a Map');
    const pairs = Object.entries(value).map(([key, text]): [string, string] => {
      if (typeof text !== 'string') throw wrongType(text, 'a String');
      this.#checkLength(`${name}.key`, key, keyRule);
      this.#checkLength(`${name}.value`, text, valueRule);
      return [key, text];
    });
    if (pairs.length < rule.min) {
      this.violate(name, `Member must have length greater than or equal to ${rule.min}`);
    }
    if (pairs.length > rule.max) {
      this.violate(name, `Member must have length less than or equal to ${rule.max}`);
    }
    return pairs;
  }

  list(name: string, rule: { min: number; max: number }): readonly unknown[] {
    const value = this.#read(name, true);
    if (value === null) return [];
    if (!Array.isArray(value)) throw wrongType(value, 'a List');
    if (value.length < rule.min) {
      this.violate(name, `Member must have length greater than or equal to ${rule.min}`);
    }
    if (value.length > rule.max) {
      this.violate(name, `Member must have length less than or equal to ${rule.max}`);
    }
    return value;
  }

  /** Adds a violation without quoting the value, for values too long to quote. */
  violate(name: string, constraint: string): void {
    this.#violations.push(
      `Value at '${this.#path}${lowerFirst(name)}' failed to satisfy constraint: ${constraint}`,
    );
  }

  check(): void {
    const count = this.#violations.length;
    if (count === 0) return;
    throw new AwsError(
      'ValidationException',
      `${count} validation error${count === 1 ? '' : 's'} detected: ${this.#violations.join('; ')}`,
    );
  }

  #checkLength(name: string, text: string, { min, max }: { min: number; max: number }): void {
    if (text.length < min) this.#add(text, name, `Member must have length greater than or equal to ${min}`);
    if (text.length > max) this.#add(text, name, `Member must have length less than or equal to ${max}`);
  }

  #read(name: string, required: boolean | undefined): unknown {
    const value = this.#body[name] ?? null;
    if (value === null && required === true) {
      this.#violations.push(
        `Value null at '${this.#path}${lowerFirst(name)}' failed to satisfy constraint: Member must not be null`,
      );
    }
    return value;
  }

  #add(value: string | number, name: string, constraint: string): void {
    this.#violations.push(
      `Value '${value}' at '${this.#path}${lowerFirst(name)}' failed to satisfy constraint: ${constraint}`,
    );
  }
}

export function isObject(value: unknown): value is RequestBody {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function wrongType(value: unknown, wanted: string): AwsError {
  const kind =
    value === null
      ? 'NULL_VALUE'
      : Array.isArray(value)
        ? 'LIST_VALUE'
        : `${typeof value}_VALUE`.toUpperCase();
  return new AwsError('SerializationException', `${kind} can not be converted to ${wanted}`);
}

/** AWS names members in its messages with a small first letter, and StreamARN as streamARN. */
function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
