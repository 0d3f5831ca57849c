// What piscina loads; see workers/fetcher-entry.cts.

module.exports = async (task: unknown): Promise<unknown> => {
  const { runPoolThread } = await import('./pool-thread.ts');
  return runPoolThread(task as never);
};
