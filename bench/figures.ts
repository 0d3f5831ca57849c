// From what a run measured to the figures that are compared.

import { type Summary, summarize } from './statistics.ts';

/** What one run of a side reports. */
export interface Run {
  /** User records of the measured stretch. */
  readonly records: number;
  readonly wallMs: number;
  /** CPU of the whole process, all threads. */
  readonly userUs: number;
  readonly systemUs: number;
  /** How long the event loop of the main thread was busy. */
  readonly mainBusyMs: number;
  /** Of the whole run, start-up included. */
  readonly peakRssBytes: number;
  /** Over the whole stream. */
  readonly totalRecords: number;
  readonly checksum: number;
}

export interface FigureName {
  readonly key: keyof Figures;
  readonly title: string;
  readonly digits: number;
}

export interface Figures {
  readonly cpuUsPerRecord: number;
  readonly mainUsPerRecord: number;
  readonly recordsPerSecond: number;
  readonly peakRssMiB: number;
}

/** In the order of the report. */
export const FIGURES: readonly FigureName[] = [
  { key: 'cpuUsPerRecord', title: 'CPU, µs a record', digits: 2 },
  { key: 'mainUsPerRecord', title: 'main thread busy, µs a record', digits: 2 },
  { key: 'recordsPerSecond', title: 'records/s', digits: 0 },
  { key: 'peakRssMiB', title: 'peak RSS, MiB', digits: 0 },
];

export type Summaries = Readonly<Record<keyof Figures, Summary>>;
export type Ratios = Readonly<Record<keyof Figures, number>>;

export function figuresOf(run: Run): Figures {
  const { records } = run;
  return {
    cpuUsPerRecord: (run.userUs + run.systemUs) / records,
    mainUsPerRecord: (run.mainBusyMs * 1000) / records,
    recordsPerSecond: (records * 1000) / run.wallMs,
    peakRssMiB: run.peakRssBytes / 2 ** 20,
  };
}

export function summariesOf(runs: readonly Run[]): Summaries {
  const figures = runs.map(figuresOf);
  return perFigure((key) => summarize(figures.map((each) => each[key])));
}

/** Medians as shares of those of the baseline, taken in the same session: absolute times follow the machine. */
export function ratiosOf(side: Summaries, baseline: Summaries): Ratios {
  return perFigure((key) => side[key].median / baseline[key].median);
}

function perFigure<T>(value: (key: keyof Figures) => T): Record<keyof Figures, T> {
  return Object.fromEntries(FIGURES.map(({ key }) => [key, value(key)])) as Record<keyof Figures, T>;
}
