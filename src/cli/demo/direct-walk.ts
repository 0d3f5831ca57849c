// The same blocks read without the stream: another walk, another way to read, another implementation of SHA-256.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Block, BLOCK_BYTES, type FoundFile, survey } from './blocks.ts';
import { type BlockHash, digestOf } from './digest.ts';

export interface DirectWalk {
  readonly digest: string;
  readonly blocks: number;
  readonly bytes: number;
  /** Files that are not what they were at the first walk, with what happened to them; they are in neither digest. */
  readonly changed: ReadonlyMap<string, string>;
}

const READ_BYTES = 64 * BLOCK_BYTES;

/** `sent` and `found` are of the walk before the run: they say which blocks count, and what their files were like. */
export async function walkDirectly(
  dir: string,
  sent: readonly Block[],
  found: readonly FoundFile[],
  signal: AbortSignal,
): Promise<DirectWalk> {
  const offsets = new Map<string, Set<number>>();
  for (const { path, offset } of sent) {
    const own = offsets.get(path);
    if (own === undefined) offsets.set(path, new Set([offset]));
    else own.add(offset);
  }
  const before = new Map(found.map((file) => [file.path, file]));
  const changed = new Map<string, string>();
  const hashes: BlockHash[] = [];
  const now = new Map((await survey(dir, signal)).files.map((file) => [file.path, file]));
  for (const [path, wanted] of offsets) {
    if (signal.aborted) break;
    const file = now.get(path);
    if (file === undefined) changed.set(path, 'vanished');
    else if (!isSame(file, before.get(path))) changed.set(path, 'changed');
    else {
      try {
        hashes.push(...(await hashFile(dir, path, wanted)));
      } catch (error) {
        changed.set(path, (error as Error).message);
      }
    }
  }
  const bytes = hashes.reduce((sum, { length }) => sum + length, 0);
  return { digest: digestOf(hashes), blocks: hashes.length, bytes, changed };
}

function isSame(a: FoundFile, b: FoundFile | undefined): boolean {
  return b !== undefined && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ino === b.ino;
}

async function hashFile(dir: string, path: string, wanted: ReadonlySet<number>): Promise<BlockHash[]> {
  const hashes: BlockHash[] = [];
  const end = Math.max(...wanted) + BLOCK_BYTES;
  await using file = await open(join(dir, path));
  const buffer = Buffer.alloc(Math.min(READ_BYTES, end));
  for (let start = 0; start < end; start += READ_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(READ_BYTES, end - start), start);
    const offsets = Array.from({ length: Math.ceil(bytesRead / BLOCK_BYTES) }, (_, i) => i * BLOCK_BYTES);
    const blocks = offsets
      .filter((at) => wanted.has(start + at))
      .map(async (at) => {
        const block = buffer.subarray(at, Math.min(at + BLOCK_BYTES, bytesRead));
        const hash = Buffer.from(await crypto.subtle.digest('SHA-256', block)).toString('hex');
        return { path, offset: start + at, length: block.length, hash };
      });
    hashes.push(...(await Promise.all(blocks)));
  }
  return hashes;
}
