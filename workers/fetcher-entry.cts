// What piscina loads as the entry of a fetch thread. It would `require` a module, and Node.js 20 ends the whole process when a thread
// is ended while it does so; a dynamic import has no such window.

module.exports = async (task: unknown): Promise<unknown> => {
  const { default: runFetchThread } = await import('./fetcher.ts');
  return runFetchThread(task as never);
};
