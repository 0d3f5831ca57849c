// The handler of a process of a fleet: writes what it gets, takes its time, and writes that it is done.

import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { defineHandler } from '../../src/index.ts';
import { seededRandom } from '../fakes/random.ts';
import { fleetPen, now } from './fleet-log.ts';

/** What the records of a fleet's stream hold. */
export interface NumberedValue {
  readonly key: string;
  readonly n: number;
}

/** How long calls of the handler take. */
export interface HandlerPace {
  /** Of most calls: evenly from 0 to this. */
  readonly upToMs: number;
  /** Of a few: this share of the calls takes that long. */
  readonly longShare: number;
  readonly longMs: number;
  readonly seed: number;
}

const params = new URL(import.meta.url).searchParams;
const write = fleetPen(params.get('file') ?? '/dev/null');
const pace = JSON.parse(params.get('pace') ?? '{}') as HandlerPace;
const random = seededRandom(pace.seed + threadId);
let calls = 0;

export default defineHandler<NumberedValue>(async (batch, { attempt }) => {
  const at = now();
  const call = `${threadId}-${(calls += 1)}`;
  const { shardId, token } = batch;
  const rows = batch
    .toArray()
    .map(
      ({ value, sequenceNumber, subSequenceNumber }) =>
        [sequenceNumber, subSequenceNumber, value.key, value.n] as const,
    );
  write({ type: 'begin', at, call, shardId, token, attempt, rows });
  const ms = random() < pace.longShare ? pace.longMs : random() * pace.upToMs;
  if (ms >= 1) await sleep(ms);
  write({ type: 'end', at: now(), call });
});
