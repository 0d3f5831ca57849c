// Consumers of one application, one after the other: one audit over all of them, and rows that outlive each.

import type { ConsumerOptions, HandlerFunction } from '../../src/index.ts';
import { ConsumerRun } from './consumer-run.ts';
import { DeliveryAudit } from './delivery-audit.ts';
import type { SimulatedServer } from './kinesis-server.ts';
import { RecordedPositions } from './recorded-positions.ts';
import { writeRounds } from './writing.ts';

interface Value {
  readonly key: string;
  readonly n: number;
}

/** A handler in the main thread that tells the audit; `before` runs ahead of it. */
export function auditing(audit: DeliveryAudit, before: (shardId: string) => unknown = () => undefined) {
  return (async (batch) => {
    await before(batch.shardId);
    const rows = batch.toArray().map(({ value, id }) => {
      const { key, n } = value as Value;
      return [key, n, id] as const;
    });
    audit.deliver(rows);
  }) satisfies HandlerFunction;
}

export class SuccessiveRuns implements Disposable {
  readonly server: SimulatedServer;
  readonly stream: string;
  readonly positions = new RecordedPositions();
  /** A new one forgets what was written and delivered so far. */
  audit = new DeliveryAudit();
  readonly #options: Partial<ConsumerOptions>;

  constructor(server: SimulatedServer, stream: string, options: Partial<ConsumerOptions> = {}) {
    this.server = server;
    this.stream = stream;
    this.#options = options;
  }

  start(options: Partial<ConsumerOptions> = {}, before?: (shardId: string) => unknown): ConsumerRun {
    return new ConsumerRun(this.server, auditing(this.audit, before), {
      threads: 1,
      leaseDurationMs: 4_000,
      checkpointer: this.positions.checkpointer,
      ...this.#options,
      ...options,
      stream: options.stream ?? this.stream,
    });
  }

  /** Rounds of one record per key. */
  write(keys: readonly string[], rounds: number): Promise<void> {
    return writeRounds(this.server, this.stream, this.audit, keys, rounds);
  }

  /** Resolves when everything that the present audit wrote was delivered. */
  async untilComplete(run: ConsumerRun, withinMs: number): Promise<void> {
    try {
      await run.until('everything was delivered', withinMs, () => this.audit.isComplete);
    } catch (error) {
      this.audit.expectAtLeastOnceInOrder();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.positions[Symbol.dispose]();
  }
}
