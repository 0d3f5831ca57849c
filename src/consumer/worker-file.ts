// Where the thread entries lie: beside `src`, built or not.

/** The entry file of a kind of thread. */
export function workerFile(name: 'coordinator' | 'fetcher' | 'handler'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/${name}.${extension}`, import.meta.url);
}
