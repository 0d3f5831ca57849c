// The handler that the modules in test/integration/handlers share: reports each record, and does what a module adds.

import { BroadcastChannel } from 'node:worker_threads';
import { type Batch, defineHandler, type Handler, type HandlerContext } from '../../src/index.ts';
import { type HandlerReport, monotonicMs } from './handler-reports.ts';

/** What the records of an audit hold. */
export interface AuditedValue {
  readonly key: string;
  readonly n: number;
}

export interface HandlerDesk {
  /** Of the URL with which the test named the module. */
  readonly params: URLSearchParams;
  readonly thread: number;
  report(report: HandlerReport): void;
  note(text: string): void;
  /** Resolves when the test opens the gates; says first that it waits. */
  gate(shardId: string): Promise<void>;
}

export interface Steps {
  /** Runs ahead of the report about a batch; what it throws fails the call, and nothing is reported. */
  readonly before?: BeforeRecords;
  /** Runs at the end of the setup. */
  readonly setUp?: (desk: HandlerDesk) => unknown;
}

export type BeforeRecords = (
  batch: Batch<AuditedValue>,
  context: HandlerContext,
  desk: HandlerDesk,
) => unknown;

export function auditedHandler(moduleUrl: string, { before, setUp }: Steps = {}): Handler<AuditedValue> {
  const params = new URL(moduleUrl).searchParams;
  const channel = new BroadcastChannel(params.get('channel') ?? 'unnamed');
  // It must not hold the thread.
  channel.unref();
  let waiting: (() => void)[] = [];
  let isOpen = false;
  channel.onmessage = (event) => {
    if ((event as { data: unknown }).data !== 'open') return;
    isOpen = true;
    for (const go of waiting) go();
    waiting = [];
  };
  let thread = -1;
  const report = (message: HandlerReport) => channel.postMessage(message);
  const desk: HandlerDesk = {
    params,
    get thread() {
      return thread;
    },
    report,
    note: (text) => report({ type: 'note', thread, at: monotonicMs(), text }),
    async gate(shardId) {
      report({ type: 'waiting', thread, at: monotonicMs(), shardId });
      if (!isOpen) await new Promise<void>((go) => waiting.push(go));
    },
  };
  return defineHandler<AuditedValue>(
    async (batch, context) => {
      const startedAt = monotonicMs();
      await before?.(batch, context, desk);
      const rows = batch.toArray().map(({ value, id }) => [value.key, value.n, id] as const);
      const { shardId } = batch;
      report({
        type: 'batch',
        thread,
        shardId,
        attempt: context.attempt,
        startedAt,
        endedAt: monotonicMs(),
        rows,
      });
    },
    {
      async setup(context) {
        thread = context.thread;
        report({ type: 'setup', thread, at: monotonicMs() });
        await setUp?.(desk);
      },
      teardown() {
        report({ type: 'teardown', thread, at: monotonicMs() });
        channel.close();
      },
      onShardStart({ shardId, token }) {
        report({ type: 'shard-start', thread, at: monotonicMs(), shardId, token });
      },
      onShardEnd({ shardId, token }) {
        report({ type: 'shard-end', thread, at: monotonicMs(), shardId, token });
      },
    },
  );
}
