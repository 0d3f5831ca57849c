// Across shards: nothing missing, no child before its ancestors, each key in order.

import { type Evidence, truthOf } from './evidence.ts';
import type { Finding } from './findings.ts';

const SHOWN = 5;

export function auditMissing({ history, shards }: Evidence): Finding[] {
  const findings: Finding[] = [];
  for (const [shardId, { doneAt }] of shards) {
    const missing = [...doneAt.keys()].filter((i) => doneAt[i] === Infinity);
    if (missing.length === 0) continue;
    const own = history.written.filter((record) => record.shardId === shardId);
    const some = missing.slice(0, SHOWN).map((i) => `${i} (${own[i]!.key}/${own[i]!.n})`);
    findings.push({
      kind: 'missing',
      at: null,
      text: `${shardId}: ${missing.length} of ${doneAt.length}: ${some.join(', ')}${missing.length > SHOWN ? ', ...' : ''}`,
    });
  }
  return findings;
}

export function auditLineage(evidence: Evidence): Finding[] {
  const { lineage, calls } = evidence.history;
  const parents = new Map(lineage.map(({ shardId, parents }) => [shardId, parents]));
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { shardId, begin } of calls) {
    first.set(shardId, Math.min(begin, first.get(shardId) ?? Infinity));
    last.set(shardId, Math.max(begin, last.get(shardId) ?? -Infinity));
  }
  const findings: Finding[] = [];
  for (const [shardId, begun] of first) {
    for (const ancestor of ancestorsOf(shardId, parents)) {
      const { doneAt } = truthOf(evidence, ancestor);
      const undone = doneAt.filter((at) => at > begun).length;
      if (undone > 0) {
        findings.push({
          kind: 'child-early',
          at: begun,
          text: `${shardId} began while ${undone} records of ${ancestor} were not done`,
        });
      }
      const late = (last.get(ancestor) ?? -Infinity) - begun;
      if (late > 0) {
        findings.push({
          kind: 'child-early',
          at: begun + late,
          text: `${ancestor} was still handed out ${late.toFixed(1)} ms after ${shardId} had begun`,
        });
      }
    }
  }
  return findings;
}

export function auditKeys({ history }: Evidence): Finding[] {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const { rows, begin, process, shardId } of history.calls) {
    for (const [, , key, n] of rows) {
      const id = `${key}/${n}`;
      if (seen.has(id)) continue;
      seen.add(id);
      const highest = last.get(key) ?? -1;
      if (n < highest) {
        findings.push({
          kind: 'key-order',
          at: begin,
          text: `${id} after ${key}/${highest}, by ${process} in ${shardId}`,
        });
      }
      last.set(key, Math.max(n, highest));
    }
  }
  return findings;
}

function ancestorsOf(shardId: string, parents: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const queue = [shardId];
  for (const each of queue) {
    for (const parent of parents.get(each) ?? []) {
      if (found.has(parent)) continue;
      found.add(parent);
      queue.push(parent);
    }
  }
  return found;
}
