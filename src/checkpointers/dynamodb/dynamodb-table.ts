// The table: created if it is missing, waited for, and looked at before anything is written to it.

import { CreateTableCommand, DescribeTableCommand, type TableDescription } from '@aws-sdk/client-dynamodb';
import { ShardpoolError } from '../../model/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { delay, type Timers } from '../../platform/timers.ts';
import type { Line } from './dynamodb-line.ts';
import type { DynamodbOptions } from './dynamodb-options.ts';

export interface TableParts {
  readonly line: Line;
  readonly options: Pick<DynamodbOptions, 'table' | 'createTable' | 'billing' | 'tags'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly timers: Timers;
  /** Ends the wait. */
  readonly closing: AbortSignal;
}

/** AWS needs 5 to 20 s to create one. */
const ACTIVE_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 500;

const KEYS = [
  { name: 'pk', keyType: 'HASH' },
  { name: 'sk', keyType: 'RANGE' },
] as const;

/** Resolves when the table can be used; several may create it at once. */
export async function ensureTable(parts: TableParts): Promise<void> {
  const { options, clock, timers, closing } = parts;
  const deadline = clock.monotonic() + ACTIVE_WITHIN_MS;
  let isCreated = false;
  for (;;) {
    const found = await describe(parts);
    if (found === null && !isCreated) {
      if (!options.createTable)
        throw wrong(`The table ${options.table} does not exist, and \`checkpointer.createTable\` is false`);
      await create(parts);
      // From here on "not found" only means that AWS does not show it yet.
      isCreated = true;
    } else if (found !== null && isUsable(found, options.table)) {
      return;
    } else {
      if (clock.monotonic() > deadline)
        throw wrong(`The table ${options.table} did not become ACTIVE within ${ACTIVE_WITHIN_MS} ms`, true);
      await delay(timers, LOOK_EVERY_MS, closing);
    }
  }
}

async function describe({ line, options }: TableParts): Promise<TableDescription | null> {
  const call = { kind: 'open', name: 'DescribeTable', isRepeatable: true } as const;
  const command = new DescribeTableCommand({ TableName: options.table });
  const isMissing = named('ResourceNotFoundException');
  try {
    const { Table } = await line.call(
      call,
      (client, abortSignal) => client.send(command, { abortSignal }),
      isMissing,
    );
    return Table ?? null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function create({ line, options }: TableParts): Promise<void> {
  const { table, billing, tags } = options;
  const call = { kind: 'open', name: 'CreateTable', isRepeatable: true } as const;
  const command = new CreateTableCommand({
    TableName: table,
    KeySchema: KEYS.map(({ name, keyType }) => ({ AttributeName: name, KeyType: keyType })),
    AttributeDefinitions: KEYS.map(({ name }) => ({ AttributeName: name, AttributeType: 'S' as const })),
    ...(billing === 'on-demand'
      ? { BillingMode: 'PAY_PER_REQUEST' as const }
      : {
          BillingMode: 'PROVISIONED' as const,
          ProvisionedThroughput: {
            ReadCapacityUnits: billing.readUnits,
            WriteCapacityUnits: billing.writeUnits,
          },
        }),
    ...(Object.keys(tags).length === 0
      ? {}
      : { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }),
  });
  // Another instance was first.
  const isThere = named('ResourceInUseException');
  await line
    .call(call, (client, abortSignal) => client.send(command, { abortSignal }), isThere)
    .catch((error: unknown) => {
      if (!isThere(error)) throw error;
    });
}

/** False: not yet. Throws for a table that will never be ours. */
function isUsable(found: TableDescription, table: string): boolean {
  const status = found.TableStatus;
  if (status === undefined || status === 'CREATING') return false;
  // Among the others are some that wait for a person, and AWS may add to them.
  if (status !== 'ACTIVE' && status !== 'UPDATING')
    throw wrong(`The table ${table} cannot be used: its status is ${status}`);
  checkKeys(found, table);
  return true;
}

function checkKeys({ KeySchema = [], AttributeDefinitions = [] }: TableDescription, table: string): void {
  const typeOf = (name: string | undefined) =>
    AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType;
  const isOurs =
    KeySchema.length === KEYS.length &&
    KEYS.every(({ name, keyType }) =>
      KeySchema.some((key) => key.AttributeName === name && key.KeyType === keyType && typeOf(name) === 'S'),
    );
  if (isOurs) return;
  const keys = KeySchema.map(
    ({ AttributeName, KeyType }) => `${AttributeName} (${KeyType}, ${typeOf(AttributeName)})`,
  );
  throw wrong(
    `The table ${table} is not one of shardpool: expected the key pk (HASH, S), sk (RANGE, S), found ${keys.join(', ')}. ` +
      'Name another one with `checkpointer.table`',
  );
}

function named(name: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && error.name === name;
}

function wrong(message: string, retryable = false): ShardpoolError {
  return new ShardpoolError('ERR_LEASE_STORE', message, { retryable });
}
