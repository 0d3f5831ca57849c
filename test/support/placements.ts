// Where the handler runs: every delivery test runs in both places.

export interface Placement {
  readonly title: string;
  readonly options: { readonly handlerThreads: number };
}

export const PLACEMENTS: readonly Placement[] = [
  { title: 'handler in main', options: { handlerThreads: 0 } },
  { title: 'handler in two threads', options: { handlerThreads: 2 } },
];
