// Holds docs/simulator.md to the code: options, calls, fault fields, operations.

import { expect } from 'chai';
import { FAULT_KEYS } from '../../../src/testing/simulator/fault-options.ts';
import { OPERATIONS } from '../../../src/testing/simulator/operations/index.ts';
import { resolveOptions } from '../../../src/testing/simulator/options.ts';
import { startSimulator } from '../../../src/testing/index.ts';
import { namesOf, spansOf, type Table, tableUnder } from '../../docs/markdown.ts';
import { readPage } from '../../docs/pages.ts';

const { markdown, source } = readPage('docs/simulator.md');

/** What the first cells name: `calls` of `calls({ ... })`, `reset` of `reset: 'body'`. */
function wordsOf(table: Table): string[] {
  const cells = table.rows.map((row) => row.get(table.columns[0] ?? '') ?? '');
  return cells.flatMap(spansOf).map((span) => /^\w+/.exec(span)?.[0] ?? span);
}

describe('docs/simulator.md', () => {
  it('has a row for each option', () => {
    const rows = namesOf(tableUnder(markdown, 'Options of `startSimulator`'));
    expect(rows).to.have.members(Object.keys(resolveOptions()));
  });

  it('has a row for each call', async () => {
    await using simulator = await startSimulator();
    const rows = wordsOf(tableUnder(markdown, 'Calls of a simulator'));
    expect(rows).to.have.members(Object.keys(simulator));
  });

  it('has a row for each field of a fault', () => {
    const fields = [0, 1].flatMap((at) => wordsOf(tableUnder(markdown, 'Faults', at)));
    expect([...new Set(fields)]).to.have.members(FAULT_KEYS);
  });

  it('names each operation that it serves, and no other', () => {
    const paragraph = /## What it serves\n\n(.*?);/s.exec(source)?.[1] ?? '';
    const names = paragraph.replaceAll(/\([^)]*\)/g, '').split(/,\s+/);
    expect(names.map((name) => name.trim())).to.deep.equal(Object.keys(OPERATIONS));
  });
});
