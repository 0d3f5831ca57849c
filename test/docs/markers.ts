// The comments before code blocks that say how each one is tested; CONTRIBUTING.md explains them to writers.

import type { CodeBlock } from './markdown.ts';
import type { Page } from './pages.ts';

export interface Marker {
  readonly mode: 'run' | 'handler' | 'file' | 'types' | 'output';
  /** File name of a `handler` or a `file`. */
  readonly name: string | null;
  /** A `run` that goes on until SIGTERM, which is sent once this was printed. */
  readonly until: string | null;
  /** What must be among the output. */
  readonly prints: readonly string[];
  /** Names that `types` takes for granted. */
  readonly given: readonly string[];
  /** What it reads; null: nothing of the AWS environment is set. */
  readonly stream: string | null;
}

const TOKEN = /^(run|types|output|handler|file)(?: ([\w-]+\.mjs))?(?: until "([^"]+)")?$/;

/** Null where the comment is about something else. */
export function parseMarker(comment: string | null): Marker | null {
  const text = /^test:\s*(.*)$/.exec(comment ?? '')?.[1];
  if (text === undefined) return null;
  const [first = '', ...rest] = text.match(/(?:[^,"]|"[^"]*")+/g)?.map((each) => each.trim()) ?? [];
  const head = TOKEN.exec(first);
  if (head === null) throw new Error(`"${first}" says no way of testing a block`);
  const mode = head[1] as Marker['mode'];
  const name = head[2] ?? null;
  const until = head[3] ?? null;
  if ((mode === 'handler' || mode === 'file') !== (name !== null))
    throw new Error(`"${first}": a handler and a file have a name, and nothing else has`);
  if (until !== null && mode !== 'run') throw new Error(`"${first}": only a run has an end to wait for`);
  const prints: string[] = [];
  const given: string[] = [];
  let stream: string | null = 'orders';
  for (const each of rest) {
    const word = /^(prints|stream) "([^"]+)"$/.exec(each);
    const declared = /^given (\w+)$/.exec(each)?.[1];
    if (word?.[1] === 'prints') prints.push(word[2]!);
    else if (word?.[1] === 'stream') stream = word[2]!;
    else if (declared !== undefined) given.push(declared);
    else if (each === 'no environment') stream = null;
    else throw new Error(`"${each}" says nothing about how to test a block`);
  }
  return { mode, name, until, prints, given, stream };
}

/** Pages whose js and ts blocks are marked here, in order, and not by comments. */
const MARKED_HERE: Readonly<Record<string, readonly string[]>> = {
  'docs/simulator.md': ['types', 'types, given simulator', 'types, given startSimulator'],
  'docs/cli.md': ['handler handler.mjs, prints "{ id: 6, total: 30 }"'],
};

const LANGUAGES: readonly string[] = ['js', 'mjs', 'javascript', 'ts', 'mts', 'typescript'];

export interface MarkedBlock {
  readonly block: CodeBlock;
  readonly marker: Marker;
}

/** Throws for a js or ts block without a marker. */
export function markedBlocks({ path, markdown }: Page): MarkedBlock[] {
  const here = [...(MARKED_HERE[path] ?? [])];
  return markdown.blocks.flatMap((block) => {
    const isCode = LANGUAGES.includes(block.language);
    const text = isCode && here.length > 0 ? `test: ${here.shift()}` : block.comment;
    const marker = parseMarker(text);
    if (marker === null && isCode)
      throw new Error(`${path}:${block.line}: no comment says how to test this block`);
    return marker === null ? [] : [{ block, marker }];
  });
}
