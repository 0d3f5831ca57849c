// Takes shards from whoever has them, checkpoints, releases, and writes down each write that the store acknowledged. Ends by
// itself after `rounds`, or, where that is null, when it is killed.

import { writeSync } from 'node:fs';
import { createLocalLeaseStore } from '../../../../src/checkpointers/local/local-lease-store.ts';
import { LeaseStoreError } from '../../../../src/model/lease-store.ts';
import { decodePosition, type Position, sequencePosition } from '../../../../src/model/position.ts';
import type { Acknowledged, ContenderInput } from '../../../support/local-contenders.ts';

const input = JSON.parse(process.argv[2]!) as ContenderInput;
const me = `${input.name}#${process.pid}`;
const store = createLocalLeaseStore({ path: input.path }, input.scope);

const note = (line: Acknowledged): void => void writeSync(1, `${JSON.stringify(line)}\n`);

function following(position: Position): Position {
  const decoded = decodePosition(position);
  const last = decoded.type === 'SEQUENCE' ? BigInt(decoded.sequenceNumber) : 0n;
  return sequencePosition(String(last + 1n), 0);
}

async function contend(shardId: string): Promise<void> {
  const seen = await store.readShard(shardId);
  if (seen === null) return;
  const token = seen.token + 1;
  const taken = await store.take({
    shardId,
    seenOwner: seen.owner,
    seenToken: seen.token,
    me,
    token,
    salvage: null,
  });
  if (!taken.applied) return;
  note({ write: 'take', shardId, token });
  const position = following(taken.row!.position);
  const checkpointed = await store.checkpoint({ shardId, me, token, position });
  if (!checkpointed.applied) return;
  note({ write: 'checkpoint', shardId, token, position });
  const released = await store.release({ shardId, me, token, position });
  if (released.applied) note({ write: 'release', shardId, token, position });
}

await store.open();
await store.createSession({
  session: me,
  beat: 0,
  state: 'live',
  maxShards: null,
  host: '',
  boot: '',
  pid: process.pid,
  version: '0',
});
note({ write: 'ready' });
for (let round = 1; round <= (input.rounds ?? Infinity); round += 1) {
  try {
    const { applied } = await store.beat({ session: me, beat: round, state: 'live', maxShards: null });
    if (applied) note({ write: 'beat', beat: round });
    await Promise.all(input.shards.map(contend));
  } catch (error) {
    if (!(error instanceof LeaseStoreError)) throw error;
    note({ write: 'failed', outcome: error.outcome, message: error.message });
  }
}
await store.close();
