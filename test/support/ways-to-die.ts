// The ways in which user code ends its thread.

export const WAYS_TO_DIE = ['exit', 'throw', 'rejection', 'loop'] as const;
export type WayToDie = (typeof WAYS_TO_DIE)[number] | 'memory';

/** Ends the thread that calls it, now or within the next turn of its event loop; a loop never gives it back. */
export function dieBy(way: WayToDie): void {
  switch (way) {
    case 'exit':
      process.exit(7);
      break;
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown where nobody catches it');
      });
      break;
    case 'rejection':
      void Promise.reject(new Error('rejected where nobody waits for it'));
      break;
    case 'loop':
      for (;;);
    case 'memory': {
      const kept: string[][] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => `${kept.length}-${i}`));
    }
    default:
      way satisfies never;
  }
}

/** What a record says that ends the thread which meets it. */
export interface Deadly {
  readonly kind: 'fetch' | 'handler';
  readonly way: WayToDie;
}
