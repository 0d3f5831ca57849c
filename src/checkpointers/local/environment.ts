// The lmdb environment of one directory: opened once by each thread, however many stores of that thread use it. lmdb itself
// shares it between the threads of a process, and between processes.

import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openAsClass } from 'lmdb';
import { show } from '../../model/checks.ts';
import { ShardpoolError } from '../../model/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { delay, type Timers } from '../../platform/timers.ts';
import { faultOfDataFile } from './data-file.ts';
import { FORMAT_KEY } from './local-keys.ts';
import { networkFileSystemOf } from './file-system.ts';
import { describeHolder, type WriterLock, writerLock } from './writer-lock.ts';

/** The number grows when rows or keys change in a way that older code cannot read. */
const FORMAT_TEXT = JSON.stringify({ format: 1 });

export type Rows = Database<string, Buffer>;

export interface Environment {
  readonly file: string;
  readonly rows: Rows;
  readonly lock: WriterLock;
  /** False once somebody removed or replaced the file: what is written then is seen by nobody who comes later. */
  isInPlace(): boolean;
  /** The last one that used it closes it. */
  release(): Promise<void>;
}

export interface EnvironmentParts {
  readonly clock: Clock;
  readonly timers: Timers;
  /** How long a writer that stands still is waited for. */
  readonly patienceMs: number;
}

const DATA_FILE = 'leases.mdb';
const LOCK_SUFFIX = '-lock';
const OPTIONS = {
  // A write is acknowledged when it is on the disk. What lmdb-js does by default lost some that were.
  overlappingSync: false,
  encoding: 'string',
  keyEncoding: 'binary',
  useVersions: true,
  // The write queue collects. What lmdb-js would begin of its own accord rejects a promise that nobody has.
  eventTurnBatching: false,
  // Addresses, not bytes: the file has the size of its rows. Larger than any table of leases, so that it need not grow at work.
  mapSize: 2 ** 28,
  // One for each thread that reads; decided by whoever makes the file.
  maxReaders: 1_024,
} as const;
const LOOK_AGAIN_MS = 5;

interface Shared {
  readonly opened: Promise<Omit<Environment, 'release'>>;
  users: number;
}

/** Of this thread. */
const environments = new Map<string, Shared>();

/** Throws ERR_LEASE_STORE, which says what is wrong with the directory or the file. */
export async function openEnvironment(path: string, parts: EnvironmentParts): Promise<Environment> {
  const directory = madeDirectory(path);
  let shared = environments.get(directory);
  if (shared === undefined) {
    shared = { opened: open(directory, parts), users: 0 };
    environments.set(directory, shared);
  }
  shared.users += 1;
  const { opened } = shared;
  const release = async (): Promise<void> => {
    shared.users -= 1;
    if (shared.users > 0) return;
    environments.delete(directory);
    const { lock, rows } = await opened;
    lock.close();
    await rows.close();
  };
  try {
    return { ...(await opened), release };
  } catch (error) {
    environments.delete(directory);
    throw error;
  }
}

function madeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
    return realpathSync(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

async function open(directory: string, parts: EnvironmentParts): Promise<Omit<Environment, 'release'>> {
  const network = networkFileSystemOf(directory);
  if (network !== null) {
    throw unusable(
      directory,
      `it is on a network file system (${network}), where processes do not share memory`,
    );
  }
  const file = join(directory, DATA_FILE);
  const fault = attempt(file, () => faultOfDataFile(file));
  if (fault !== null) throw unusable(file, fault);
  const EnvironmentRows = attempt(file, () => openAsClass({ ...OPTIONS, path: file })) as unknown as new (
    name: null,
    options: object,
  ) => Rows;
  const lock = writerLock(`${file}${LOCK_SUFFIX}`);
  try {
    await untilWritable(file, lock, parts);
    const rows = attempt(file, () => new EnvironmentRows(null, OPTIONS));
    // As short as can be: what a thread holds that is terminated here, it keeps.
    rows.transactionSync(() => lock.verify());
    await prepare(file, rows).catch(toUnusable(file));
    const { ino, dev } = statSync(file, { bigint: true });
    const isInPlace = (): boolean => {
      const now = statSync(file, { bigint: true, throwIfNoEntry: false });
      return now !== undefined && now.ino === ino && now.dev === dev;
    };
    return { file, rows, lock, isInPlace };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** Opening takes the writer's lock, and lmdb would wait for it without an end. */
async function untilWritable(file: string, lock: WriterLock, parts: EnvironmentParts): Promise<void> {
  const first = lock.holder();
  const deadline = parts.clock.monotonic() + parts.patienceMs;
  let holder = first;
  while (holder !== null && holder.thread === first?.thread && holder.transaction === first.transaction) {
    if (parts.clock.monotonic() > deadline) throw unusable(file, `${describeHolder(holder)} holds its lock`);
    await delay(parts.timers, LOOK_AGAIN_MS);
    holder = lock.holder();
  }
}

/** Makes an empty file ours, and refuses one that is not. */
async function prepare(file: string, rows: Rows): Promise<void> {
  if (rows.get(FORMAT_KEY) === undefined) {
    const [key] = [...rows.getKeys({ limit: 1 })];
    if (key !== undefined)
      throw unusable(file, `it holds data of something else, such as ${show(key.toString())}`);
    await rows.ifNoExists(FORMAT_KEY, () => void rows.put(FORMAT_KEY, FORMAT_TEXT, 0));
  }
  rows.resetReadTxn();
  const format = rows.get(FORMAT_KEY);
  if (format !== FORMAT_TEXT) throw unusable(file, `it was written by another version: ${show(format)}`);
}

function attempt<T>(file: string, fn: () => T): T {
  try {
    return fn();
  } catch (cause) {
    return toUnusable(file)(cause);
  }
}

function toUnusable(file: string): (cause: unknown) => never {
  return (cause) => {
    throw cause instanceof ShardpoolError ? cause : unusable(file, cause);
  };
}

function unusable(path: string, cause: unknown): ShardpoolError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `The local store cannot use ${path}: ${why}`;
  return new ShardpoolError('ERR_LEASE_STORE', message, cause instanceof Error ? { cause } : {});
}
