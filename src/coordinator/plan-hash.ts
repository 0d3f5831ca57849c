// The order in which every instance breaks ties: the same everywhere, and without relation to the order of names.

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * 32 bits of a text: FNV-1a over its UTF-16 code units, with the finalizer of MurmurHash3, because shard ids differ in their last
 * digits only and FNV-1a alone hardly spreads those. Part of the protocol: instances of different versions plan together, so it
 * must never change.
 */
export function hash32(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export interface Hashed {
  readonly hash: number;
  readonly id: string;
}

/** For sorting: by hash, then by id. */
export function byHash(a: Hashed, b: Hashed): number {
  return a.hash - b.hash || (a.id < b.id ? -1 : Number(a.id > b.id));
}
