// The true time of a simulation: events in order, and after each one every promise that can go on has gone on.

export interface TrueTime {
  readonly now: number;
  /** At least `ms` from now, behind all that is due then already. */
  after(ms: number, fn: () => void): void;
  /** Runs what is due until then, or until the condition holds. */
  run(until: number, isOver?: () => boolean): Promise<void>;
  /** How many events have run. */
  readonly events: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly fn: () => void;
}

/**
 * A turn of the event loop without its price: Node takes the next tick only when no promise can go on any more, and a tick
 * costs a third of an immediate.
 */
const turn = () => new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)));

export function createTrueTime(): TrueTime {
  const heap: Event[] = [];
  let now = 0;
  let order = 0;
  let events = 0;

  return {
    get now() {
      return now;
    },
    get events() {
      return events;
    },
    after(ms, fn) {
      order += 1;
      push(heap, { at: now + Math.max(0, ms), order, fn });
    },
    async run(until, isOver = () => false) {
      while (!isOver()) {
        const next = heap[0];
        if (next === undefined || next.at > until) break;
        pop(heap);
        now = next.at;
        events += 1;
        next.fn();
        await turn();
      }
      if (!isOver()) now = Math.max(now, until);
    },
  };
}

function isSooner(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let child = heap.length;
  heap.push(event);
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (!isSooner(event, heap[parent]!)) break;
    heap[child] = heap[parent]!;
    child = parent;
  }
  heap[child] = event;
}

function pop(heap: Event[]): void {
  const event = heap.pop()!;
  if (heap.length === 0) return;
  let parent = 0;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isSooner(heap[child + 1]!, heap[child]!)) child += 1;
    if (!isSooner(heap[child]!, event)) break;
    heap[parent] = heap[child]!;
    parent = child;
  }
  heap[parent] = event;
}
