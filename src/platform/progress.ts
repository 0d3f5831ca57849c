// What threads say about themselves in shared memory: that they move, and which shards they have in hand. It can be read
// without asking them, also when they hang or are dead.

/** Shards that one thread may have in hand at the same time and still be named for each; more are not. */
const HANDS = 15;
const PER_THREAD = 1 + HANDS;
const EMPTY = 0;

/** How many threads there are of each kind; the coordinator is one more. */
export interface ThreadCounts {
  /** Slots of fetch threads, the dead ones that are not settled yet included. */
  readonly hosts: number;
  readonly receivers: number;
}

export function createProgressMemory({ hosts, receivers }: ThreadCounts): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + hosts + receivers) * PER_THREAD * Int32Array.BYTES_PER_ELEMENT);
}

/** Numbers of the threads in this memory. */
export const COORDINATOR = 0;
export const ofHost = (host: number): number => 1 + host;
export const ofReceiver = (receiver: number, hosts: number): number => 1 + hosts + receiver;

/** The thread itself. */
export interface Progress {
  /** Says that this thread moved. */
  tick(): void;
  /** Work on a shard begins: should the thread die now, the shard is a suspect. Returns what ends it. */
  take(shard: number): () => void;
}

export function progressOf(memory: SharedArrayBuffer, thread: number): Progress {
  const cells = new Int32Array(memory, thread * PER_THREAD * Int32Array.BYTES_PER_ELEMENT, PER_THREAD);
  return {
    tick: () => {
      Atomics.add(cells, 0, 1);
    },
    take(shard) {
      Atomics.add(cells, 0, 1);
      const hand = cells.indexOf(EMPTY, 1);
      if (hand === -1) return () => undefined;
      Atomics.store(cells, hand, shard + 1);
      return () => {
        Atomics.store(cells, hand, EMPTY);
      };
    },
  };
}

/** Whoever watches. */
export interface ProgressView {
  /** Wraps around: only a difference counts. */
  read(thread: number): number;
  /** The shards that the thread had in hand last; forgets them. For a thread that is dead. */
  takeHands(thread: number): number[];
  /** True while the thread has the shard in hand. */
  hasInHand(thread: number, shard: number): boolean;
}

export function progressView(memory: SharedArrayBuffer): ProgressView {
  const cells = new Int32Array(memory);
  return {
    read: (thread) => Atomics.load(cells, thread * PER_THREAD),
    takeHands(thread) {
      const shards: number[] = [];
      for (let hand = 1; hand < PER_THREAD; hand += 1) {
        const shard = Atomics.exchange(cells, thread * PER_THREAD + hand, EMPTY);
        if (shard !== EMPTY) shards.push(shard - 1);
      }
      return shards;
    },
    hasInHand: (thread, shard) =>
      cells.subarray(thread * PER_THREAD + 1, (thread + 1) * PER_THREAD).includes(shard + 1),
  };
}
