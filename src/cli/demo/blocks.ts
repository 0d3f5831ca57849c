// The work of the demo: every regular file below a directory, cut into blocks, and a fair choice where there are too many.

import { access, constants, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShardpoolError } from '../../model/errors.ts';

export const BLOCK_BYTES = 16 * 1024;
/** The limit of Kinesis. */
const MAX_KEY_LENGTH = 256;

/** What a record says. */
export interface BlockRecord {
  /** Relative to the directory, with `/`. */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** A block in the order of sending. */
export interface Block extends BlockRecord {
  readonly key: string;
}

export interface FoundFile {
  readonly path: string;
  readonly key: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
}

export interface Survey {
  readonly files: readonly FoundFile[];
  /** What could not be looked at, with the reason. */
  readonly skipped: readonly string[];
}

/** Throws ERR_INVALID_OPTION for a directory that cannot be read or holds nothing to read. */
export async function survey(dir: string, signal: AbortSignal): Promise<Survey> {
  const files: FoundFile[] = [];
  const skipped: string[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined && !signal.aborted; folder = pending.pop()) {
    try {
      const found: string[] = [];
      for (const entry of await readdir(join(dir, folder), { withFileTypes: true })) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        // Links are not followed: they could leave the directory or lead in circles.
        if (entry.isDirectory()) pending.push(path);
        else if (entry.isFile()) found.push(path);
      }
      await Promise.all(found.map((path) => look(dir, path, files, skipped)));
    } catch (cause) {
      const reason = (cause as Error).message;
      if (folder === '') throw invalidDir(dir, `to be a directory that can be read: ${reason}`, cause);
      skipped.push(`${folder}: ${reason}`);
    }
  }
  if (files.length === 0 && !signal.aborted) {
    throw invalidDir(dir, 'to hold at least one readable file that is not empty');
  }
  // The order of a directory is the file system's own; two runs should do the same.
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), skipped };
}

async function look(dir: string, path: string, files: FoundFile[], skipped: string[]): Promise<void> {
  try {
    const full = join(dir, path);
    await access(full, constants.R_OK);
    const { size, mtimeMs, ino } = await lstat(full);
    if (size > 0) files.push({ path, key: packageOf(path), size, mtimeMs, ino });
  } catch (cause) {
    skipped.push(`${path}: ${(cause as Error).message}`);
  }
}

function invalidDir(dir: string, expected: string, cause?: unknown): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_OPTION', `Expected \`--dir\` ${expected}, got '${dir}'`, { cause });
}

/** The npm package that a file belongs to: the innermost one, with its scope; outside of packages the first segment. */
export function packageOf(path: string): string {
  const segments = path.split('/');
  const inside = segments.slice(segments.lastIndexOf('node_modules') + 1);
  const [first = path, second] = inside;
  const key =
    first.startsWith('@') && second !== undefined && inside.length > 2 ? `${first}/${second}` : first;
  return key.slice(0, MAX_KEY_LENGTH);
}

/**
 * At most `limit` blocks. Where there are more, every key gets the same share and the large ones are cut, because one key
 * is one sequence: its records cannot be handled side by side. The keys are spread evenly over the whole.
 */
export function chooseBlocks(files: readonly FoundFile[], limit: number): Block[] {
  const byKey = new Map<string, FoundFile[]>();
  for (const file of files) {
    const others = byKey.get(file.key);
    if (others === undefined) byKey.set(file.key, [file]);
    else others.push(file);
  }
  const counts = [...byKey.values()].map((own) => own.reduce((sum, { size }) => sum + blocksIn(size), 0));
  const share = fairShare(counts, limit);

  const placed: { readonly block: Block; readonly place: number }[] = [];
  [...byKey.values()].forEach((own, i) => {
    const taken = Math.min(counts[i]!, share);
    let n = 0;
    for (const block of blocksOf(own)) {
      if (n === taken) break;
      placed.push({ block, place: (n + 0.5) / taken });
      n += 1;
    }
  });
  placed.sort((a, b) => a.place - b.place);
  // Equal shares may still be a few too many.
  return placed.slice(0, limit).map(({ block }) => block);
}

const blocksIn = (size: number): number => Math.ceil(size / BLOCK_BYTES);

function* blocksOf(files: readonly FoundFile[]): Generator<Block> {
  for (const { path, key, size } of files) {
    for (let offset = 0; offset < size; offset += BLOCK_BYTES) {
      yield { path, offset, length: Math.min(BLOCK_BYTES, size - offset), key };
    }
  }
}

/** The smallest cap for which the capped counts make at least `limit`; Infinity when all of them fit. */
export function fairShare(counts: readonly number[], limit: number): number {
  let left = limit;
  const ascending = counts.toSorted((a, b) => a - b);
  for (const [i, count] of ascending.entries()) {
    const share = left / (ascending.length - i);
    if (count > share) return Math.ceil(share);
    left -= count;
  }
  return Number.POSITIVE_INFINITY;
}
