// The table of docs/simulator.md that says where kinesis-local differs from AWS and the simulator.

import { spansOf, tableUnder } from '../docs/markdown.ts';
import { readPage } from '../docs/pages.ts';

export interface Difference {
  /** Title of a case of the contract. */
  readonly title: string;
  /** The AWS document that decides. */
  readonly document: string;
  /** What was observed, as JSON has it. */
  readonly simulator: unknown;
  readonly kinesisLocal: unknown;
}

export function readDifferences(): Difference[] {
  const { rows } = tableUnder(readPage('docs/simulator.md').markdown, 'Differences from kinesis-local');
  return rows.map((row) => ({
    title: row.get('case') ?? '',
    document: row.get('what decides') ?? '',
    simulator: valueOf(row.get('AWS and the simulator')),
    kinesisLocal: valueOf(row.get('kinesis-local')),
  }));
}

/** As it would be after a trip through JSON. */
export function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function valueOf(cell: string | undefined): unknown {
  return JSON.parse(spansOf(cell ?? '').join(''));
}
