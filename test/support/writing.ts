// Writes records that an audit can follow.

import type { SimulatorRecord } from '../../src/testing/index.ts';
import type { DeliveryAudit } from './delivery-audit.ts';
import type { KinesisServer } from './kinesis-server.ts';

export const keysOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `key-${i}`);

/** The next record of that key as JSON. `padding` makes it longer by about as many bytes. */
export function auditedRecord(audit: DeliveryAudit, key: string, padding = 0): SimulatorRecord {
  const n = audit.write(key);
  const value = padding === 0 ? { key, n } : { key, n, padding: 'x'.repeat(padding) };
  return { partitionKey: key, data: Buffer.from(JSON.stringify(value)) };
}

/** One record of each key. */
export async function writeRound(
  server: Pick<KinesisServer, 'put'>,
  stream: string,
  audit: DeliveryAudit,
  keys: readonly string[],
  padding = 0,
): Promise<void> {
  await server.put(
    stream,
    keys.map((key) => auditedRecord(audit, key, padding)),
  );
}

export async function writeRounds(
  server: Pick<KinesisServer, 'put'>,
  stream: string,
  audit: DeliveryAudit,
  keys: readonly string[],
  rounds: number,
  padding = 0,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await writeRound(server, stream, audit, keys, padding);
}
