// Looks at lmdb's file before lmdb maps it: what is read from a mapped file that is too short ends the whole process.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

// struct MDB_meta of lmdb's data version 2, behind a page header of 24 bytes; the second one is on the second page.
const META_AT = 24;
const META_BYTES = 136;
const MAGIC = 0xbe_ef_c0_de;
const VERSION = 2;
const PAGE_SIZE_AT = 24;
const FREE_TREE_AT = 24;
const MAIN_TREE_AT = 72;
const TRANSACTION_AT = 128;
// struct MDB_db
const BRANCH_PAGES_AT = 8;
const LEAF_PAGES_AT = 16;
const OVERFLOW_PAGES_AT = 24;
const ROOT_AT = 40;
const NO_PAGE = 0xff_ff_ff_ff_ff_ff_ff_ffn;
const META_PAGES = 2n;
const MIN_PAGE_BYTES = 512;
const MAX_PAGE_BYTES = 65_536;

/** What is wrong with the file, or null. One that is missing or empty is a new one. */
export function faultOfDataFile(file: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    return faultOf(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function faultOf(descriptor: number): string | null {
  const { size } = fstatSync(descriptor);
  if (size === 0) return null;
  const first = metaAt(descriptor, META_AT);
  if (first === null) return 'it is no lmdb file, or one of another version';
  const pageBytes = first.readUInt32LE(PAGE_SIZE_AT);
  if (pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES) return 'its first page is damaged';
  const second = metaAt(descriptor, pageBytes + META_AT);
  if (second === null) return 'its second page is damaged';
  const isFirst = first.readBigUInt64LE(TRANSACTION_AT) > second.readBigUInt64LE(TRANSACTION_AT);
  const needed = pagesNeeded(isFirst ? first : second);
  // Asked last: others may make it longer meanwhile, and never shorter.
  const there = BigInt(Math.floor(fstatSync(descriptor).size / pageBytes));
  return there < needed ? `it was cut short: it has ${there} pages, its data needs ${needed}` : null;
}

function metaAt(descriptor: number, position: number): Buffer | null {
  const meta = Buffer.alloc(META_BYTES);
  const bytes = readSync(descriptor, meta, 0, META_BYTES, position);
  const isMeta = bytes === META_BYTES && meta.readUInt32LE(0) === MAGIC && meta.readUInt32LE(4) === VERSION;
  return isMeta ? meta : null;
}

/** A lower bound: the file may lack pages at its end that are free. */
function pagesNeeded(meta: Buffer): bigint {
  let used = META_PAGES;
  let highest = META_PAGES - 1n;
  for (const tree of [FREE_TREE_AT, MAIN_TREE_AT]) {
    for (const count of [BRANCH_PAGES_AT, LEAF_PAGES_AT, OVERFLOW_PAGES_AT]) {
      used += meta.readBigUInt64LE(tree + count);
    }
    const root = meta.readBigUInt64LE(tree + ROOT_AT);
    if (root !== NO_PAGE && root > highest) highest = root;
  }
  return used > highest + 1n ? used : highest + 1n;
}
