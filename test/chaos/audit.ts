// The whole audit of a run: every promise that its history can show broken, and what happened in figures.

import { auditLeases } from './audit-leases.ts';
import { auditKeys, auditLineage, auditMissing } from './audit-lineage.ts';
import { auditRepeats } from './audit-repeats.ts';
import { type Evidence, evidenceOf } from './evidence.ts';
import type { Finding } from './findings.ts';
import type { History } from './history.ts';

export interface Figures {
  readonly records: number;
  readonly calls: number;
  readonly leases: number;
  /** Leases of a shard by another process than the one before. */
  readonly moves: number;
  /** Takes from a session that was dead or ended, without its having given the shard back. */
  readonly takeOvers: number;
  readonly evictions: number;
  /** Records that were handled again after they had been done. */
  readonly repeatedDone: number;
  /** Records that were in a handler when its lease ended, and handled again. */
  readonly repeatedUnfinished: number;
  /** Calls that were under way, having begun in time, when the next owner began. */
  readonly overlaps: number;
  /** From a kill -9 to the next take of each shard that the process held, ms. */
  readonly takeOverMs: { readonly median: number; readonly longest: number };
}

export interface Audit {
  readonly findings: readonly Finding[];
  readonly figures: Figures;
}

export function audit(history: History): Audit {
  const evidence = evidenceOf(history);
  const repeats = auditRepeats(evidence);
  const findings = [
    ...auditMissing(evidence),
    ...auditLeases(evidence),
    ...auditLineage(evidence),
    ...auditKeys(evidence),
    ...repeats.findings,
  ].sort((a, b) => (a.at ?? -Infinity) - (b.at ?? -Infinity));
  return {
    findings,
    figures: {
      ...figures(evidence),
      repeatedDone: repeats.done,
      repeatedUnfinished: repeats.unfinished,
    },
  };
}

function figures({ history, leases }: Evidence): Omit<Figures, 'repeatedDone' | 'repeatedUnfinished'> {
  let moves = 0;
  let overlaps = 0;
  let count = 0;
  for (const all of leases.values()) {
    const taken = all.filter((lease) => lease.taken !== null);
    count += taken.length;
    for (const [i, lease] of taken.entries()) {
      if (i > 0 && lease.taken!.process !== taken[i - 1]!.taken!.process) moves += 1;
    }
    for (const [i, lease] of all.entries()) {
      const next = Math.min(
        ...all.slice(i + 1).flatMap(({ calls }) => calls.slice(0, 1).map(({ begin }) => begin)),
      );
      overlaps += lease.calls.filter(({ begin, end }) => begin <= next && end !== null && end > next).length;
    }
  }
  const waits = takeOvers(history, leases).sort((a, b) => a - b);
  const applied = history.writes.filter((write) => write.applied === true);
  return {
    records: history.written.length,
    calls: history.calls.length,
    leases: count,
    moves,
    overlaps,
    takeOverMs: { median: waits[Math.floor(waits.length / 2)] ?? 0, longest: waits.at(-1) ?? 0 },
    takeOvers: applied.filter(
      ({ method, argument }) => method === 'take' && (argument as { seenOwner: unknown }).seenOwner !== null,
    ).length,
    evictions: applied.filter(({ method }) => method === 'evict').length,
  };
}

function takeOvers({ disturbances }: History, leases: Evidence['leases']): number[] {
  const killedAt = new Map(
    disturbances.flatMap(({ who, from, to }) =>
      who !== null && to === Infinity ? [[who, from] as const] : [],
    ),
  );
  return [...leases.values()].flatMap((all) => {
    const taken = all.filter((lease) => lease.taken !== null);
    return taken.flatMap((lease, i) => {
      const at = killedAt.get(lease.taken!.process);
      const next = taken[i + 1]?.taken ?? null;
      const isGivenBack = lease.writes.some(
        ({ method, applied }) => applied === true && (method === 'release' || method === 'finish'),
      );
      return at === undefined || next === null || isGivenBack || next.until < at ? [] : [next.until - at];
    });
  });
}
