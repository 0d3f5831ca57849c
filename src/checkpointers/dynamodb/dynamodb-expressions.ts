// Conditions and updates in the language of DynamoDB, with every name and value as a placeholder: most of our attributes'
// names are reserved words there.

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { attribute, type Field } from './dynamodb-rows.ts';

export interface Expression {
  /** The row is not there. */
  absent(): string;
  /** Null: has no value. */
  equal(name: string, value: string | number | null): string;
  below(name: string, value: string | number): string;
  atMost(name: string, value: string | number): string;
  atLeast(name: string, value: string | number): string;
  oneOf(name: string, values: readonly string[]): string;
  all(...conditions: readonly string[]): string;
  /** Null removes; `add` adds to a number. */
  update(set: Readonly<Record<string, Field>>, add?: Readonly<Record<string, number>>): string;
  /** What the request needs beside the texts; without those that it has none of, as empty ones are refused. */
  readonly placeholders: {
    ExpressionAttributeNames?: Record<string, string>;
    ExpressionAttributeValues?: Record<string, AttributeValue>;
  };
}

export function expression(): Expression {
  const names: Record<string, string> = {};
  const values: Record<string, AttributeValue> = {};

  const nameOf = (name: string): string => {
    names[`#${name}`] = name;
    return `#${name}`;
  };
  const valueOf = (value: Exclude<Field, null>): string => {
    const key = `:v${Object.keys(values).length}`;
    values[key] = attribute(value);
    return key;
  };
  const compare = (operator: string) => (name: string, value: string | number) =>
    `${nameOf(name)} ${operator} ${valueOf(value)}`;
  const clause = (verb: string, parts: readonly string[]) =>
    parts.length === 0 ? [] : [`${verb} ${parts.join(', ')}`];

  return {
    absent: () => `attribute_not_exists(${nameOf('pk')})`,
    equal: (name, value) =>
      value === null ? `attribute_not_exists(${nameOf(name)})` : compare('=')(name, value),
    below: compare('<'),
    atMost: compare('<='),
    atLeast: compare('>='),
    oneOf: (name, allowed) => `${nameOf(name)} IN (${allowed.map(valueOf).join(', ')})`,
    all: (...conditions) => conditions.join(' AND '),
    update(set, add = {}) {
      const entries = Object.entries(set);
      return [
        ...clause(
          'SET',
          entries.flatMap(([name, value]) => (value === null ? [] : `${nameOf(name)} = ${valueOf(value)}`)),
        ),
        ...clause(
          'REMOVE',
          entries.flatMap(([name, value]) => (value === null ? nameOf(name) : [])),
        ),
        ...clause(
          'ADD',
          Object.entries(add).map(([name, value]) => `${nameOf(name)} ${valueOf(value)}`),
        ),
      ].join(' ');
    },
    get placeholders() {
      return {
        ...(Object.keys(names).length === 0 ? {} : { ExpressionAttributeNames: names }),
        ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
      };
    },
  };
}
