// One hash over many: what two readings of the same blocks are compared by.

import { createHash } from 'node:crypto';
import type { BlockRecord } from './blocks.ts';

export interface BlockHash extends BlockRecord {
  readonly hash: string;
}

/** SHA-256 over the sorted lines `path offset length sha256`. */
export function digestOf(blocks: readonly BlockHash[]): string {
  const lines = blocks.map(({ path, offset, length, hash }) => `${path} ${offset} ${length} ${hash}\n`);
  const whole = createHash('sha256');
  for (const line of lines.sort()) whole.update(line);
  return whole.digest('hex');
}
