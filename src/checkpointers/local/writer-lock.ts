// Who holds the lock of lmdb's one writer, seen without waiting for it.
//
// lmdb waits for that lock inside a native call that nothing can end. A process that was stopped (SIGSTOP, a frozen
// container) while it wrote holds it until it goes on, and would stop all others with it. So a writer looks first. The lock
// is a word of shared memory, which this process has mapped: the thread that holds it, or zero. It is read through
// /proc/self/mem, because closing a descriptor of the lock file would drop the locks that lmdb itself has on that file.

import { closeSync, openSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';

export interface Holder {
  readonly thread: number;
  /** Of the last transaction that ended; two looks that see the same one see no progress. */
  readonly transaction: bigint;
}

export interface WriterLock {
  /** Null where nobody holds it, and where that cannot be seen. */
  holder(): Holder | null;
  /** Called by whoever holds it: what is no lock word after all is not looked at any more. */
  verify(): void;
  close(): void;
}

/** Of the robust futex of Linux; the two highest bits say that others wait or that the holder died. */
const THREAD_BITS = 0x3f_ff_ff_ff;
/** glibc; behind the head of the lock file, which ends with a mutex of 40 or 48 bytes, at the next cache line. */
const LOCK_WORD_AT: Partial<Record<NodeJS.Architecture, number>> = { x64: 64, arm64: 128 };
const TRANSACTION_AT = 8;
const LOOKED_AT_BYTES = 132;

const UNSEEN: WriterLock = { holder: () => null, verify: () => undefined, close: () => undefined };

/** To be called while the environment is open. Where the system is another one, nothing is seen, and lmdb waits. */
export function writerLock(lockFile: string): WriterLock {
  const at = process.platform === 'linux' ? LOCK_WORD_AT[process.arch] : undefined;
  if (at === undefined) return UNSEEN;
  try {
    const address = mappedAt(lockFile);
    return address === null ? UNSEEN : lockAt(address, at);
  } catch {
    return UNSEEN;
  }
}

function lockAt(address: number, wordAt: number): WriterLock {
  const memory = openSync('/proc/self/mem', 'r');
  const bytes = Buffer.alloc(LOOKED_AT_BYTES);
  let isSeen = true;
  const look = (): Holder | null => {
    readSync(memory, bytes, 0, LOOKED_AT_BYTES, address);
    const thread = bytes.readUInt32LE(wordAt) & THREAD_BITS;
    return thread === 0 ? null : { thread, transaction: bytes.readBigUInt64LE(TRANSACTION_AT) };
  };
  return {
    holder() {
      if (!isSeen) return null;
      try {
        return look();
      } catch {
        isSeen = false;
        return null;
      }
    },
    verify() {
      try {
        isSeen &&= look()?.thread === ownThread();
      } catch {
        isSeen = false;
      }
    },
    close() {
      if (isSeen) closeSync(memory);
      isSeen = false;
    },
  };
}

function mappedAt(lockFile: string): number | null {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  // Its mutexes are laid out in another way.
  if (maps.includes('/ld-musl-')) return null;
  const inode = String(statSync(lockFile, { bigint: true }).ino);
  // address-address permissions offset device inode path
  const line = maps.split('\n').find((each) => {
    const fields = each.split(/ +/);
    return fields[4] === inode && each.endsWith('-lock');
  });
  return line === undefined ? null : Number.parseInt(line, 16);
}

function ownThread(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

/** "thread 12 of process 7, which is stopped,", as far as this process can see it. */
export function describeHolder({ thread }: Holder): string {
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'utf8');
    const process = /^Tgid:\s+(\d+)/m.exec(status)?.[1];
    const isStopped = /^State:\s+[Tt]/m.test(status);
    return `thread ${thread} of process ${process}${isStopped ? ', which is stopped,' : ''}`;
  } catch {
    return `thread ${thread}`;
  }
}
