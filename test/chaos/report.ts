// A run for people: one line of figures, and of a failed one everything that helps to see why.

import type { ActorsCount } from './actors.ts';
import type { Figures } from './audit.ts';
import { type Finding, FINDINGS } from './findings.ts';
import { type Script, showStep } from './script.ts';

export interface ChaosReport {
  readonly store: string;
  readonly script: Script;
  /** What did not converge, did not end, or was said that must not be. */
  readonly problems: readonly string[];
  readonly findings: readonly Finding[];
  readonly figures: Figures;
  readonly counts: Readonly<Record<ActorsCount, number>>;
  readonly processes: number;
  /** Starts that found no store, because its line was broken. */
  readonly refused: number;
  readonly sessionsLost: number;
  readonly calmMs: number;
  readonly tookMs: number;
  /** On the clock of the diary and the findings. */
  readonly startedAt: number;
  readonly diary: readonly { readonly at: number; readonly text: string }[];
}

const SHOWN = 40;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const violations = ({ problems, findings }: Pick<ChaosReport, 'problems' | 'findings'>): number =>
  problems.length + findings.length;

export function summary(report: ChaosReport): string {
  const { store, script, figures, counts, processes, refused, sessionsLost, calmMs, tookMs } = report;
  return [
    `${store}, seed ${script.seed}, ${(tookMs / 1000).toFixed(0)} s`,
    `${figures.records} records in ${figures.calls} calls`,
    `${processes} processes`,
    `${counts.kills} kill -9`,
    `${counts.pauses} SIGSTOP`,
    `${counts.stops} SIGTERM`,
    `${counts.faults} line faults`,
    `${counts.storeRestarts} restarts of the store`,
    `${refused} starts without a store`,
    `${counts.reshards} reshards`,
    `${sessionsLost} sessions lost`,
    `${figures.evictions} evictions`,
    `${figures.takeOvers} take-overs`,
    `${seconds(figures.takeOverMs.median)} from kill -9 to the next owner (longest ${seconds(figures.takeOverMs.longest)})`,
    `${figures.leases} leases`,
    `${figures.moves} moves`,
    `${figures.repeatedDone} records repeated`,
    `${figures.repeatedUnfinished} repeated unfinished`,
    `${figures.overlaps} calls under way at a change`,
    `calm after ${seconds(calmMs)}`,
    `${violations(report)} violations`,
  ].join(', ');
}

export function failure(report: ChaosReport): string {
  const { store, script, problems, findings, startedAt, diary } = report;
  const time = (at: number) => `${((at - startedAt) / 1000).toFixed(3)} s`.padStart(11);
  const events = [
    ...diary.map(({ at, text }) => ({ at, text: `  ${text}` })),
    ...findings
      .slice(0, SHOWN)
      .flatMap(({ kind, at, text }) => (at === null ? [] : [{ at, text: `! ${kind}: ${text}` }])),
  ].sort((a, b) => a.at - b.at);
  const kinds = [...new Set(findings.map(({ kind }) => kind))];
  return [
    summary(report),
    `again: node dist/test/chaos/run.js --seed ${script.seed} --store ${store} --minutes ${script.durationMs / 60_000}`,
    'script:',
    ...script.steps.map((step) => `  ${showStep(step)}`),
    'found:',
    ...kinds.map(
      (kind) => `  ${findings.filter((each) => each.kind === kind).length} x ${kind}: ${FINDINGS[kind]}`,
    ),
    ...problems.map((problem) => `  ${problem}`),
    ...findings.filter(({ at }) => at === null).map(({ kind, text }) => `  ${kind}: ${text}`),
    'as it happened:',
    ...events.map(({ at, text }) => `${time(at)} ${text}`),
    ...(findings.length > SHOWN ? [`and ${findings.length - SHOWN} more`] : []),
  ].join('\n');
}
