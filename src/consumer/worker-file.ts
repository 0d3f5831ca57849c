// Where the thread entries lie, beside `src` whether built or not, and the flags that threads start with.

/** The entry file of a kind of thread. */
export function workerFile(name: 'coordinator' | 'fetcher' | 'handler'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/${name}.${extension}`, import.meta.url);
}

/**
 * The flags of this process for its threads. --input-type belongs to `node -e` and makes a thread refuse to load a file.
 */
export function threadFlags(): string[] {
  return process.execArgv.filter((flag) => !flag.startsWith('--input-type'));
}
