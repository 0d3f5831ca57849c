// What happened in a run as data: written, handled, stored, done to the fleet. The audit reads nothing else.

import type { Shard } from '../../src/model/shard.ts';
import { parentsOf } from '../../src/model/shard.ts';
import type { FleetLine, FleetRow, StoreLine } from '../support/fleet-log.ts';

/** One user record. */
export interface WrittenRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly key: string;
  readonly n: number;
}

/** One call of a handler. `end` is null where its process was killed in it. */
export interface HandledCall {
  readonly process: string;
  readonly shardId: string;
  readonly token: number;
  readonly begin: number;
  readonly end: number | null;
  readonly rows: readonly FleetRow[];
}

export interface StoredWrite extends StoreLine {
  readonly process: string;
}

/** Why an instance, or one process of it, may not have written a checkpoint for a while. */
export interface Disturbance {
  /** `a.2` for a process, `a` for all of that instance, null for all. */
  readonly who: string | null;
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

export interface History {
  readonly leaseMs: number;
  readonly marginMs: number;
  readonly checkpointMs: number;
  readonly lineage: readonly { readonly shardId: string; readonly parents: readonly string[] }[];
  /** Of each shard in its order. */
  readonly written: readonly WrittenRecord[];
  /** By their begins. */
  readonly calls: readonly HandledCall[];
  /** By the times at which they were asked for. */
  readonly writes: readonly StoredWrite[];
  readonly disturbances: readonly Disturbance[];
}

export const lineageOf = (shards: readonly Shard[]): History['lineage'] =>
  shards.map((shard) => ({ shardId: shard.shardId, parents: parentsOf(shard) }));

export function callsOf(process: string, lines: readonly FleetLine[]): HandledCall[] {
  const ends = new Map<string, number>();
  for (const line of lines) if (line.type === 'end') ends.set(line.call, line.at);
  return lines.flatMap((line) => {
    if (line.type !== 'begin') return [];
    const { shardId, token, at: begin, call, rows } = line;
    return [{ process, shardId, token, begin, end: ends.get(call) ?? null, rows }];
  });
}

export function writesOf(process: string, lines: readonly FleetLine[]): StoredWrite[] {
  return lines.flatMap((line) => (line.type === 'store' ? [{ ...line, process }] : []));
}

/** A process that lost its session could not write for as long as a lease holds, whatever it was that kept it from it. */
export function lossesOf(process: string, lines: readonly FleetLine[], leaseMs: number): Disturbance[] {
  return lines.flatMap((line) => {
    if (line.type !== 'event' || (line.name !== 'session:lost' && line.name !== 'lease:lost')) return [];
    return [{ who: process, from: line.at - leaseMs, to: line.at, what: line.name }];
  });
}

export const concerns = ({ who }: Pick<Disturbance, 'who'>, process: string): boolean =>
  who === null || who === process || process.startsWith(`${who}.`);
