// What handlers of tests report, wherever they run, over a BroadcastChannel: the same in main and in handler threads.

import { BroadcastChannel } from 'node:worker_threads';
import { type DeliveredRow, DeliveryAudit } from './delivery-audit.ts';

/** `at` and the like are ms of the monotonic clock of the process, comparable between its threads. */
export type HandlerReport =
  | ThreadReport<'setup'>
  | ThreadReport<'teardown'>
  | ShardReport<'shard-start'>
  | ShardReport<'shard-end'>
  | WaitingReport
  | NoteReport
  | BatchReport;

interface ThreadReport<Type extends string> {
  readonly type: Type;
  readonly thread: number;
  readonly at: number;
}

interface ShardReport<Type extends string> extends ThreadReport<Type> {
  readonly shardId: string;
  readonly token: number;
}

/** The handler waits until the test opens the gate. */
interface WaitingReport extends ThreadReport<'waiting'> {
  readonly shardId: string;
}

/** The handler is about to block its thread, or to do something else that a test waits for. */
interface NoteReport extends ThreadReport<'note'> {
  readonly text: string;
}

export interface BatchReport {
  readonly type: 'batch';
  readonly thread: number;
  readonly shardId: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly rows: readonly DeliveredRow[];
}

type Named<Type extends HandlerReport['type']> = Extract<HandlerReport, { type: Type }>;

export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

let channels = 0;

/** The test's end: collects the reports and audits the deliveries. */
export class HandlerReports implements Disposable {
  readonly channelName = `shardpool-test-${process.pid}-${(channels += 1)}`;
  readonly audit = new DeliveryAudit();
  readonly all: HandlerReport[] = [];
  readonly #channel = new BroadcastChannel(this.channelName);

  constructor() {
    this.#channel.unref();
    this.#channel.onmessage = (event) => {
      const report = (event as { data: HandlerReport }).data;
      this.all.push(report);
      if (report.type === 'batch') this.audit.deliver(report.rows);
    };
  }

  of<Type extends HandlerReport['type']>(type: Type): Named<Type>[] {
    return this.all.filter((report): report is Named<Type> => report.type === type);
  }

  /** Lets every handler go on that waits, or comes to wait, at a gate. */
  openGates(): void {
    this.#channel.postMessage('open');
  }

  [Symbol.dispose](): void {
    this.#channel.close();
  }
}
