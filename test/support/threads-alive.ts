// How many worker threads of this process are alive.

interface Report {
  readonly workers?: readonly unknown[];
}

export function threadsAlive(): number {
  // The only complete list that Node has; nested threads end with the thread that started them.
  const report = process.report.getReport() as Report;
  return report.workers?.length ?? 0;
}
