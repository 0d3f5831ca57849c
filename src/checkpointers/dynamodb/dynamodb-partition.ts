// The items of one application and stream: consistent reads, and conditional writes of one item that answer with the item as
// it is afterwards. A write that is refused by a server which does not say why is followed by a read.

import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { type Expression, expression } from './dynamodb-expressions.ts';
import type { CallKind } from './dynamodb-errors.ts';
import type { Line } from './dynamodb-line.ts';
import { attribute, type Field, type Item, itemOf } from './dynamodb-rows.ts';

export interface Outcome {
  readonly applied: boolean;
  /** Null: there is none. */
  readonly item: Item | null;
}

export interface Target {
  /** For messages. */
  readonly name: string;
  readonly sk: string;
  /** See `Call`. Default: false. */
  readonly isRepeatable?: boolean;
}

/** Both are made on the expression given, which holds their names and values. */
export interface Change {
  readonly condition: string;
  readonly update: string;
}

export interface Partition {
  /** Everything, or what sorts before `before`, in the order of the sort keys. */
  query(name: string, options?: { kind?: CallKind; before?: string }): Promise<Item[]>;
  get(name: string, sk: string): Promise<Item | null>;
  /** Condition: there is none. */
  create(target: Target, fields: Readonly<Record<string, Field>>): Promise<Outcome>;
  /** `otherwise` may give another change to try, by the item that refused the first one. */
  update(
    target: Target,
    change: (e: Expression) => Change,
    otherwise?: (item: Item) => ((e: Expression) => Change) | null,
  ): Promise<Outcome>;
  remove(target: Target, condition: (e: Expression) => string): Promise<Outcome>;
}

export function createPartition(line: Line, table: string, pk: string): Partition {
  const keyOf = (sk: string): Item => ({ pk: attribute(pk), sk: attribute(sk) });

  const read = async (client: DynamoDBClient, abortSignal: AbortSignal, sk: string): Promise<Item | null> => {
    const command = new GetItemCommand({ TableName: table, Key: keyOf(sk), ConsistentRead: true });
    const { Item } = await client.send(command, { abortSignal });
    return Item ?? null;
  };

  /** The answer to a write that may be refused. */
  const outcomeOf = async (
    client: DynamoDBClient,
    abortSignal: AbortSignal,
    sk: string,
    send: () => Promise<Item | null>,
  ): Promise<Outcome> => {
    try {
      return { applied: true, item: await send() };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return { applied: false, item: error.Item ?? (await read(client, abortSignal, sk)) };
    }
  };

  /** All that it takes is one call, with one limit. */
  const write = (
    { name, isRepeatable = false }: Target,
    attempt: (client: DynamoDBClient, abortSignal: AbortSignal) => Promise<Outcome>,
  ): Promise<Outcome> => line.call({ kind: 'write', name, isRepeatable }, attempt);

  return {
    query(name, { kind = 'read', before } = {}) {
      return line.call({ kind, name, isRepeatable: true }, async (client, abortSignal) => {
        const e = expression();
        const ours = e.equal('pk', pk);
        const condition = before === undefined ? ours : e.all(ours, e.below('sk', before));
        const items: Item[] = [];
        let start: Item | undefined;
        do {
          const command = new QueryCommand({
            TableName: table,
            KeyConditionExpression: condition,
            ...e.placeholders,
            ConsistentRead: true,
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          });
          const page = await client.send(command, { abortSignal });
          items.push(...(page.Items ?? []));
          start = page.LastEvaluatedKey;
        } while (start !== undefined);
        return items;
      });
    },

    get: (name, sk) =>
      line.call({ kind: 'read', name, isRepeatable: true }, (client, abortSignal) =>
        read(client, abortSignal, sk),
      ),

    create: (target, fields) =>
      write(target, (client, abortSignal) =>
        outcomeOf(client, abortSignal, target.sk, async () => {
          const e = expression();
          const item = itemOf(pk, target.sk, fields);
          const command = new PutItemCommand({
            TableName: table,
            Item: item,
            ConditionExpression: e.absent(),
            ...e.placeholders,
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          });
          await client.send(command, { abortSignal });
          return item;
        }),
      ),

    update: (target, change, otherwise = () => null) =>
      write(target, async (client, abortSignal) => {
        const trying = (each: (e: Expression) => Change) =>
          outcomeOf(client, abortSignal, target.sk, async () => {
            const e = expression();
            const { condition, update } = each(e);
            const command = new UpdateItemCommand({
              TableName: table,
              Key: keyOf(target.sk),
              ConditionExpression: condition,
              UpdateExpression: update,
              ...e.placeholders,
              ReturnValues: 'ALL_NEW',
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            });
            const { Attributes } = await client.send(command, { abortSignal });
            return Attributes ?? null;
          });
        const first = await trying(change);
        const second = first.applied || first.item === null ? null : otherwise(first.item);
        return second === null ? first : trying(second);
      }),

    remove: (target, condition) =>
      write(target, (client, abortSignal) =>
        outcomeOf(client, abortSignal, target.sk, async () => {
          const e = expression();
          const command = new DeleteItemCommand({
            TableName: table,
            Key: keyOf(target.sk),
            ConditionExpression: condition(e),
            ...e.placeholders,
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          });
          await client.send(command, { abortSignal });
          return null;
        }),
      ),
  };
}
