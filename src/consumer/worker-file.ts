// Where the thread entries lie, beside `src` whether built or not, and the flags that threads start with.

/** The entry file of a kind of thread. */
export function workerFile(name: 'coordinator' | 'fetcher' | 'handler'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  // The pool loads its entry in a way of its own.
  const file = name === 'fetcher' ? `fetcher-entry.c${extension}` : `${name}.${extension}`;
  return new URL(`../../workers/${file}`, import.meta.url);
}

/**
 * Threads take over the flags of the process by themselves. Only --input-type must not come along: it belongs to
 * `node -e` and makes a thread refuse to load a file. Naming the others instead is no way: a thread refuses V8's.
 */
export function threadFlags(): { readonly execArgv?: string[] } {
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {};
}
