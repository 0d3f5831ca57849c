// Counts what the handler threads say: each block once, in the order of its key, and what of it is missing. Pure.

import type { Block } from './blocks.ts';
import { type BlockHash, digestOf } from './digest.ts';
import type { HandledBatch, HandledBlock } from './handled.ts';

export interface Share {
  records: number;
  bytes: number;
}

interface Entry {
  readonly block: Block;
  /** In the order of sending. */
  readonly index: number;
  times: number;
  hash: string | null;
}

export class Tally {
  readonly #entries = new Map<string, Entry>();
  /** By key: the latest block handled. */
  readonly #latest = new Map<string, number>();
  readonly shards = new Map<string, Share>();
  readonly threads = new Map<number, Share>();
  /** Blocks handled at least once, and their bytes. */
  readonly handled: Share = { records: 0, bytes: 0 };
  duplicates = 0;
  orderViolations = 0;
  /** Records that nobody sent. */
  unknown = 0;
  /** By path: why blocks of it could not be read. */
  readonly problems = new Map<string, string>();

  constructor(blocks: readonly Block[]) {
    blocks.forEach((block, index) => {
      this.#entries.set(idOf(block), { block, index, times: 0, hash: null });
    });
  }

  get sent(): number {
    return this.#entries.size;
  }

  get missing(): number {
    return this.sent - this.handled.records;
  }

  add({ thread, shardId, blocks }: HandledBatch): void {
    for (const block of blocks) {
      const entry = this.#entries.get(idOf(block));
      if (entry === undefined || entry.block.key !== block.key || entry.block.length !== block.length) {
        this.unknown += 1;
        continue;
      }
      count(this.shards, shardId, block.length);
      count(this.threads, thread, block.length);
      this.#take(entry, block);
    }
  }

  /** Over the blocks that were read, but for those of the given files. */
  digest(without: ReadonlySet<string>): string {
    const hashes: BlockHash[] = [];
    for (const { block, hash } of this.#entries.values()) {
      if (hash !== null && !without.has(block.path)) hashes.push({ ...block, hash });
    }
    return digestOf(hashes);
  }

  #take(entry: Entry, { hash, problem, path, key, length }: HandledBlock): void {
    entry.times += 1;
    if (entry.times > 1) {
      this.duplicates += 1;
      return;
    }
    entry.hash = hash;
    if (problem !== null) this.problems.set(path, problem);
    this.handled.records += 1;
    this.handled.bytes += length;
    const latest = this.#latest.get(key) ?? -1;
    if (entry.index < latest) this.orderViolations += 1;
    else this.#latest.set(key, entry.index);
  }
}

const idOf = ({ path, offset }: { readonly path: string; readonly offset: number }) => `${offset} ${path}`;

function count<Key>(shares: Map<Key, Share>, key: Key, bytes: number): void {
  const share = shares.get(key) ?? { records: 0, bytes: 0 };
  share.records += 1;
  share.bytes += bytes;
  shares.set(key, share);
}
