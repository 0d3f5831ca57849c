// As much of Markdown as the tests of the docs need: headings, code blocks with the comment before them, tables, links.

export interface Heading {
  readonly text: string;
  /** The anchor that GitHub gives it. */
  readonly slug: string;
}

export interface CodeBlock {
  /** Of its first line of code, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** What an HTML comment right before it says; null without one. */
  readonly comment: string | null;
}

export interface Table {
  readonly line: number;
  /** Text of the heading that it stands under. */
  readonly heading: string;
  readonly columns: readonly string[];
  /** Cells by column. */
  readonly rows: readonly ReadonlyMap<string, string>[];
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

export interface Markdown {
  readonly headings: readonly Heading[];
  readonly blocks: readonly CodeBlock[];
  readonly tables: readonly Table[];
  readonly links: readonly Link[];
  /** What stands between backticks. */
  readonly spans: readonly string[];
}

const FENCE = /^\s*```(\w*)\s*$/;
const COMMENT = /^\s*<!--\s*(.*?)\s*-->\s*$/;
const RULE_ROW = /^\|(\s*:?-+:?\s*\|)+$/;

export function parseMarkdown(source: string): Markdown {
  const headings: Heading[] = [];
  const blocks: CodeBlock[] = [];
  const tables: (Table & { rows: ReadonlyMap<string, string>[] })[] = [];
  const links: Link[] = [];
  const spans: string[] = [];
  const slugs = new Map<string, number>();
  const lines = source.split('\n');
  let heading = '';
  let comment: string | null = null;
  let table: (typeof tables)[number] | null = null;

  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i]!;
    const fence = FENCE.exec(line);
    if (fence) {
      const end = lines.findIndex((other, at) => at > i && /^\s*```\s*$/.test(other));
      if (end === -1) throw new Error(`Line ${i + 1}: a code block that does not end`);
      const text = lines.slice(i + 1, end).join('\n');
      blocks.push({ line: i + 2, language: fence[1]!, text, comment });
      comment = null;
      table = null;
      i = end;
      continue;
    }
    if (line.trim() === '') {
      table = null;
      continue;
    }
    comment = COMMENT.exec(line)?.[1] ?? null;
    const title = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (title !== undefined) {
      heading = title;
      const slug = slugOf(title);
      const seen = slugs.get(slug) ?? 0;
      slugs.set(slug, seen + 1);
      headings.push({ text: title, slug: seen === 0 ? slug : `${slug}-${seen}` });
    }
    const row = line.trim();
    if (table !== null && row.startsWith('|')) {
      const cells = cellsOf(row);
      if (cells.length !== table.columns.length)
        throw new Error(`Line ${i + 1}: ${cells.length} cells in a table of ${table.columns.length} columns`);
      table.rows.push(new Map(table.columns.map((column, at) => [column, cells[at]!])));
    } else if (row.startsWith('|') && RULE_ROW.test(lines[i + 1]?.trim() ?? '')) {
      table = { line: i + 1, heading, columns: cellsOf(row), rows: [] };
      tables.push(table);
      i += 1;
    }
    for (const [, span] of line.matchAll(/`([^`]+)`/g)) spans.push(span!);
    for (const [, target] of line.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g))
      links.push({ line: i + 1, target: target! });
  }
  return { headings, blocks, tables, links, spans };
}

/** Cells of a row, trimmed; a bar between backticks is no border. */
function cellsOf(row: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let inCode = false;
  for (const character of row.replace(/^\|/, '').replace(/\|$/, '')) {
    if (character === '`') inCode = !inCode;
    if (character === '|' && !inCode) {
      cells.push(cell.trim());
      cell = '';
    } else cell += character;
  }
  cells.push(cell.trim());
  return cells;
}

function slugOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** The texts between backticks of a cell. */
export function spansOf(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, span]) => span!);
}

/** The one table under a heading. */
export function tableUnder(markdown: Markdown, heading: string, at = 0): Table {
  const table = markdown.tables.filter((each) => each.heading === heading)[at];
  if (table === undefined) throw new Error(`There is no table under "${heading}"`);
  return table;
}

/** The first code span of each row's first cell. */
export function namesOf(table: Table): string[] {
  return table.rows.map((row) => {
    const cell = row.get(table.columns[0]!)!;
    return spansOf(cell)[0] ?? cell;
  });
}
