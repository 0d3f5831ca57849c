// What was handled more than once, and whether it had to be.
//
// A record that was done is handled again when its checkpoint was not written: at most one checkpoint interval, plus what the
// write takes, lies between the two; and a host so busy that a write takes longer than a lease loses its leases. So within that time after the record was done something must have come in between: its process
// was killed or stopped, its line to the store was broken, or its session was lost. A shard that was given back in order is another
// matter: all that was done is stored by then.

import { countUpTo, type Evidence, type LeaseHistory, truthOf } from './evidence.ts';
import { positionIn, positionOf } from './audit-leases.ts';
import type { Finding } from './findings.ts';
import { concerns } from './history.ts';

/** Intervals have a jitter of 10 %. */
const JITTER = 1.1;
/** From the end of the handler to the coordinator that gives the shard back. */
const ACK_MS = 500;
/** After a disturbance connections are made anew. */
const RECOVERY_MS = 2_000;

export interface Repeats {
  /** Deliveries of records that had been done before. */
  readonly done: number;
  /** Deliveries of records that were in a handler when its lease ended. */
  readonly unfinished: number;
  readonly findings: readonly Finding[];
}

export function auditRepeats(evidence: Evidence): Repeats {
  const findings: Finding[] = [];
  let done = 0;
  let unfinished = 0;
  for (const [shardId, leases] of evidence.leases) {
    const { index } = truthOf(evidence, shardId);
    /** By records: the last delivery so far that was finished, and whether there was one at all. */
    const before = new Map<
      number,
      { readonly lease: LeaseHistory; readonly process: string; readonly end: number | null }
    >();
    for (const lease of leases) {
      const own: [number, { lease: LeaseHistory; process: string; end: number | null }][] = [];
      const needless: { record: number; why: string; at: number }[] = [];
      for (const { rows, begin, end, process } of lease.calls) {
        for (const row of rows) {
          const record = index.get(positionOf(row));
          if (record === undefined) continue;
          own.push([record, { lease, process, end }]);
          const earlier = before.get(record);
          if (earlier === undefined) continue;
          if (earlier.end === null || earlier.end > begin) {
            unfinished += 1;
            continue;
          }
          done += 1;
          const why = needlessness(evidence, earlier.lease, earlier.process, earlier.end);
          if (why !== null) needless.push({ record, why, at: begin });
        }
      }
      for (const [record, delivery] of own) before.set(record, delivery);
      const [first] = needless;
      if (first !== undefined) {
        findings.push({
          kind: 'needless-repeat',
          at: first.at,
          text: `${shardId} token ${lease.token}: ${needless.length} records from ${first.record} on; ${first.why}`,
        });
      }
    }
    for (const lease of leases) findings.push(...lostReleases(evidence, lease));
  }
  return { done, unfinished, findings };
}

/** Null where something came in between. */
function needlessness(evidence: Evidence, lease: LeaseHistory, process: string, end: number): string | null {
  const { checkpointMs, leaseMs, disturbances } = evidence.history;
  // A process that gets nothing written for longer than that has lost its session too.
  const bound = JITTER * checkpointMs + leaseMs;
  const cause = disturbances.find(
    (each) => concerns(each, process) && each.from <= end + bound && each.to + RECOVERY_MS >= end,
  );
  if (cause !== undefined) return null;
  const release = lease.writes.find(({ method }) => method === 'release');
  // Its handler ended too late for that; earlier ones are looked at by themselves.
  if (release !== undefined && end > release.at - ACK_MS) return null;
  return `done by ${process} under token ${lease.token}, and nothing disturbed it for ${bound.toFixed(0)} ms after that`;
}

function lostReleases(evidence: Evidence, lease: LeaseHistory): Finding[] {
  const truth = truthOf(evidence, lease.shardId);
  return lease.writes.flatMap(({ method, argument, applied, at, process }): Finding[] => {
    if (method !== 'release' || applied !== true) return [];
    const kept = countUpTo(truth, positionIn(method, argument));
    const lost = lease.calls
      .filter(({ end }) => end !== null && end < at - ACK_MS)
      .flatMap(({ rows }) => rows.map((row) => truth.index.get(positionOf(row)) ?? -1))
      .filter((record) => record >= kept);
    if (lost.length === 0) return [];
    const text = `${lease.shardId} token ${lease.token}: ${process} gave it back at record ${kept}, and ${lost.length} more were done`;
    return [{ kind: 'lost-release', at, text }];
  });
}
