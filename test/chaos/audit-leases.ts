// Each lease for itself and after the one before: where it began, that it skipped nothing, and that it ended in time.

import type { ShardRow } from '../../src/model/lease-store.ts';
import { type Position, sequencePosition, SHARD_END } from '../../src/model/position.ts';
import { countUpTo, type Evidence, type LeaseHistory, truthOf } from './evidence.ts';
import type { Finding, FindingKind } from './findings.ts';
import type { FleetRow } from '../support/fleet-log.ts';

/** Between the comparison with the fence and the first line of the handler its thread may have to wait for a core. */
const FENCE_SLACK_MS = 200;

export function auditLeases(evidence: Evidence): Finding[] {
  const findings: Finding[] = [];
  for (const leases of evidence.leases.values()) {
    let stored: { readonly position: Position; readonly by: string } | null = null;
    /** When the newest lease looked at so far handed out its first batch. */
    const begun: { token: number; at: number }[] = [];
    for (const lease of leases) {
      findings.push(...order(evidence, lease), ...checkpoints(evidence, lease), ...validity(evidence, lease));
      if (lease.taken !== null && stored !== null && lease.taken.position < stored.position) {
        findings.push(
          finding(
            'position-back',
            lease,
            lease.taken.until,
            `taken at ${lease.taken.position}, but ${stored.by} had stored ${stored.position}`,
          ),
        );
      }
      for (const at of storedBy(lease)) if (stored === null || stored.position < at.position) stored = at;
      const first = lease.calls[0];
      if (first !== undefined) begun.push({ token: lease.token, at: first.begin });
    }
    for (const lease of leases) {
      const next = begun.filter(({ token }) => token > lease.token).map(({ at }) => at);
      const newer = Math.min(...next);
      for (const { begin, process } of lease.calls) {
        if (begin <= newer) continue;
        findings.push(
          finding(
            'stale',
            lease,
            begin,
            `${process} got a batch ${ms(begin - newer)} after a newer lease had begun`,
          ),
        );
      }
    }
  }
  return findings;
}

function order(evidence: Evidence, lease: LeaseHistory): Finding[] {
  const findings: Finding[] = [];
  const truth = truthOf(evidence, lease.shardId);
  const processes = new Set(lease.calls.map(({ process }) => process));
  if (processes.size > 1) {
    findings.push(finding('shared-token', lease, lease.calls[0]!.begin, [...processes].join(' and ')));
  }
  for (const [i, { begin, end }] of lease.calls.entries()) {
    const next = lease.calls[i + 1];
    if (next !== undefined && next.process === lease.calls[i]!.process && (end ?? Infinity) > next.begin) {
      findings.push(finding('concurrent', lease, next.begin, `the call of ${begin.toFixed(1)} was not over`));
    }
  }
  const rows = lease.calls.flatMap(({ rows, begin }) => rows.map((row) => ({ row, begin })));
  let next = lease.taken === null ? null : countUpTo(truth, lease.taken.position);
  for (const [i, { row, begin }] of rows.entries()) {
    const index = truth.index.get(positionOf(row));
    if (index === undefined) {
      findings.push(finding('unknown', lease, begin, show(row)));
      continue;
    }
    if (next !== null && index !== next) {
      const kind = i === 0 ? 'wrong-start' : index > next ? 'gap' : 'repeated';
      findings.push(
        finding(
          kind,
          lease,
          begin,
          `record ${index} (${show(row)}) where ${next} of ${truth.positions.length} was due`,
        ),
      );
    }
    next = index + 1;
  }
  return findings;
}

function checkpoints(evidence: Evidence, lease: LeaseHistory): Finding[] {
  const findings: Finding[] = [];
  const truth = truthOf(evidence, lease.shardId);
  const look = (what: string, position: Position, at: number) => {
    const count = countUpTo(truth, position);
    if (count === 0 || truth.allDoneAt[count - 1]! <= at) return;
    const first = truth.doneAt.findIndex((done) => done > at);
    const done = truth.doneAt[first]!;
    const late = done === Infinity ? 'never' : `${ms(done - at)} later`;
    findings.push(
      finding('checkpoint-ahead', lease, at, `${what} at ${position}, but record ${first} was done ${late}`),
    );
  };
  if (lease.taken !== null) look('taken', lease.taken.position, lease.taken.until);
  for (const { method, argument, at, process } of lease.writes) {
    look(`${method} by ${process}`, positionIn(method, argument), at);
  }
  return findings;
}

function validity(evidence: Evidence, lease: LeaseHistory): Finding[] {
  if (lease.taken === null) return [];
  const { session } = lease.taken;
  return lease.calls.flatMap(({ begin, process }) => {
    const late = begin - evidence.fenceOf(session, begin);
    if (late <= FENCE_SLACK_MS) return [];
    return [
      finding('fence', lease, begin, `${process} got a batch ${ms(late)} after the fence of ${session}`),
    ];
  });
}

/** What is known to have been stored under it. */
function storedBy({ token, taken, writes }: LeaseHistory): { position: Position; by: string }[] {
  const by = `token ${token}`;
  const all = writes.flatMap(({ method, argument, applied }) =>
    applied === true ? [{ position: positionIn(method, argument), by }] : [],
  );
  return taken === null ? all : [{ position: taken.position, by }, ...all];
}

export const positionIn = (method: string, argument: unknown): Position =>
  method === 'finish' ? SHARD_END : (argument as Pick<ShardRow, 'position'>).position;

export const positionOf = ([sequenceNumber, sub]: FleetRow): Position =>
  sequencePosition(sequenceNumber, sub);

const show = ([, sub, key, n]: FleetRow): string => `${key}/${n}, sub ${sub}`;
const ms = (duration: number): string => `${duration.toFixed(1)} ms`;

function finding(kind: FindingKind, { shardId, token }: LeaseHistory, at: number, text: string): Finding {
  return { kind, at, text: `${shardId} token ${token}: ${text}` };
}
