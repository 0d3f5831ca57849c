// The pages of the documentation, and where things lie.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Markdown, parseMarkdown } from './markdown.ts';

/** The project, seen from a compiled test. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What was compiled together with this test. */
export const COMPILED = fileURLToPath(new URL('../../', import.meta.url));

export interface Page {
  /** Relative to the project. */
  readonly path: string;
  readonly source: string;
  readonly markdown: Markdown;
}

export function readPage(path: string): Page {
  const source = readFileSync(`${ROOT}${path}`, 'utf8');
  return { path, source, markdown: parseMarkdown(source) };
}

/** Every page of the root folder and of docs. */
export function readPages(): Page[] {
  const inFolder = (folder: string) =>
    existsSync(`${ROOT}${folder}`)
      ? readdirSync(`${ROOT}${folder}`)
          .filter((name) => name.endsWith('.md'))
          .sort()
          .map((name) => `${folder}${name}`)
      : [];
  return [...inFolder(''), ...inFolder('docs/'), ...inFolder('examples/')].map(readPage);
}
