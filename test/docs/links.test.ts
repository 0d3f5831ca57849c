// Links from page to page, and to places inside a page, lead somewhere.

import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { expect } from 'chai';
import { parseMarkdown } from './markdown.ts';
import { type Page, readPage, readPages, ROOT } from './pages.ts';

/** One sentence per link that leads nowhere. */
function brokenLinks(
  { path, markdown }: Page,
  exists: (path: string) => boolean,
  read: (path: string) => Page,
): string[] {
  return markdown.links.flatMap(({ line, target }) => {
    if (/^(https?|mailto):/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const to = file === '' ? path : posix.join(posix.dirname(path), file);
    if (!exists(to)) return [`${path}:${line}: there is no ${to}`];
    if (anchor === undefined) return [];
    const { headings } = to === path ? { headings: markdown.headings } : read(to).markdown;
    return headings.some(({ slug }) => slug === anchor)
      ? []
      : [`${path}:${line}: ${to} has no heading #${anchor}`];
  });
}

describe('the links of the docs', () => {
  for (const page of readPages()) {
    it(`of ${page.path} lead somewhere`, () => {
      expect(brokenLinks(page, (path) => existsSync(`${ROOT}${path}`), readPage)).to.deep.equal([]);
    });
  }

  const page = (source: string): Page => ({ path: 'docs/a.md', source, markdown: parseMarkdown(source) });
  const broken = (source: string) =>
    brokenLinks(
      page(source),
      (path) => path === 'docs/b.md' || path === 'README.md',
      () => page('# Two words, `code`\n## Twice\n## Twice'),
    );

  it('are found out', () => {
    expect(broken('[x](c.md)\n\n[y](b.md#three)\n[z](#here)')).to.deep.equal([
      'docs/a.md:1: there is no docs/c.md',
      'docs/a.md:3: docs/b.md has no heading #three',
      'docs/a.md:4: there is no docs/a.md',
    ]);
  });

  it('are let pass', () => {
    expect(
      broken(
        '[x](b.md#two-words-code) [y](../README.md#twice-1) [z](https://example.com/#x) `[a](b)`\n```\n[c](d)\n```',
      ),
    ).to.deep.equal([]);
  });
});
