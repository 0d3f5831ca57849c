// A stream that is written and resharded at the same time, and the consumers that read it, one after the other.

import type { ConsumerOptions } from '../../src/index.ts';
import type { Shard } from '../../src/model/shard.ts';
import { expectAncestorsFirst, type HandledBatch } from './ancestors-first.ts';
import { addressOf, ConsumerRun } from './consumer-run.ts';
import type { DeliveredRow, DeliveryAudit } from './delivery-audit.ts';
import { HandlerReports } from './handler-reports.ts';
import { KillableProgram } from './killable-program.ts';
import type { SimulatedServer } from './kinesis-server.ts';
import { LeaseJournal } from './lease-journal.ts';
import { faultsMet } from './storm-faults.ts';
import { until } from './until.ts';
import { writeRound } from './writing.ts';

export interface StormParts {
  readonly server: SimulatedServer;
  readonly stream: string;
  /** Each of them once in every round. */
  readonly keys: readonly string[];
  /** A module of test/integration/handlers, with what its URL is to say. */
  readonly handler?: { readonly module: string; readonly params?: Readonly<Record<string, string | number>> };
  readonly options: Partial<ConsumerOptions>;
  /** How far the writer may be ahead, so that shards close while both are at work. */
  readonly roundsAhead?: number;
}

/** A consumer in this process or in another: waits as `until` does, and no longer than it lives. */
export type Reader = Pick<ConsumerRun, 'until'>;

const ROUNDS_AHEAD = 15;
const STEP_WITHIN_MS = 30_000;

export class Storm implements Disposable {
  readonly server: SimulatedServer;
  readonly stream: string;
  readonly reports = new HandlerReports();
  readonly journal = new LeaseJournal();
  readonly runs: ConsumerRun[] = [];
  /** By programs. */
  readonly #handled: HandledBatch[] = [];
  readonly #parts: StormParts;
  readonly #startedAt = performance.now();
  #reshards: Promise<unknown> = Promise.resolve();
  #reshardsDone = 0;

  constructor(parts: StormParts) {
    this.#parts = parts;
    this.server = parts.server;
    this.stream = parts.stream;
  }

  /** What was written, and what was delivered over all runs. */
  get audit(): DeliveryAudit {
    return this.reports.audit;
  }

  /** The next consumer of the application; its reports come to the storm and not to itself. */
  start(options: Partial<ConsumerOptions> = {}): ConsumerRun {
    const { module, params } = this.#parts.handler ?? { module: 'audited' };
    // The module is imported anew by every run, also in the main thread.
    const own = { channel: this.reports.channelName, run: this.runs.length };
    const run = new ConsumerRun(
      this.server,
      { module, params: { ...params, ...own } },
      {
        checkpointer: this.journal.checkpointer,
        ...this.#parts.options,
        ...options,
        stream: this.stream,
      },
    );
    this.runs.push(run);
    return run;
  }

  /** The next consumer, in a process of its own, where each batch takes `delayMs`. */
  startProgram(delayMs: number): KillableProgram {
    const { checkpointer } = this.journal;
    const input = {
      ...addressOf(this.server),
      checkpointer,
      ...this.#parts.options,
      stream: this.stream,
      delayMs,
    };
    return new KillableProgram('storm-run', input, (line) => {
      const batch = line as HandledBatch & { rows: readonly DeliveredRow[] };
      this.#handled.push(batch);
      this.audit.deliver(batch.rows);
    });
  }

  /** One record of each key. */
  writeRound(): Promise<void> {
    return writeRound(this.server, this.stream, this.audit, this.#parts.keys);
  }

  async write(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round += 1) await this.writeRound();
  }

  /** Begins as soon as the reshard before it has ended. Not awaited, or writes do not go on meanwhile. */
  reshard(step: () => Promise<unknown>): void {
    this.#reshards = this.#reshards.then(step).then(() => (this.#reshardsDone += 1));
    // Told by `reshardsEnded`.
    this.#reshards.catch(() => undefined);
  }

  async reshardsEnded(): Promise<number> {
    await this.#reshards;
    return this.#reshardsDone;
  }

  /** Resolves when the consumer is near enough for another round to be written. */
  whenNear(run: Reader): Promise<unknown> {
    const { keys, roundsAhead = ROUNDS_AHEAD } = this.#parts;
    const enough = this.audit.written - roundsAhead * keys.length;
    return run.until('the consumer is near', STEP_WITHIN_MS, () => this.audit.distinct >= enough);
  }

  /** Writes that many rounds with the consumer close behind, and lets each step begin at its part of them. */
  async writeThrough(run: Reader, rounds: number, steps: readonly (() => Promise<unknown>)[]): Promise<void> {
    let begun = 0;
    for (let round = 0; round < rounds; round += 1) {
      await this.whenNear(run);
      for (; begun < steps.length && round >= ((begun + 1) * rounds) / (steps.length + 1); begun += 1) {
        this.reshard(steps[begun]!);
      }
      await this.writeRound();
    }
  }

  shards(): Promise<Shard[]> {
    return this.server.simulator.shards(this.stream);
  }

  /** By their hash keys, the lowest first: neighbours can be merged. */
  async openShards(): Promise<string[]> {
    const open = (await this.shards()).filter(({ endingSequenceNumber }) => endingSequenceNumber === null);
    return open
      .toSorted((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1))
      .map(({ shardId }) => shardId);
  }

  async untilComplete(run: Reader, withinMs: number): Promise<void> {
    try {
      await run.until('everything was delivered', withinMs, () => this.audit.isComplete);
    } catch (error) {
      if (this.audit.distinct < this.audit.written) this.audit.expectAtLeastOnceInOrder();
      throw error;
    }
  }

  /** Resolves when every closed shard was finished, by whichever run. */
  async untilClosedAreDone(run: Reader, withinMs: number): Promise<void> {
    const shards = await this.shards();
    const closed = shards.filter(({ endingSequenceNumber }) => endingSequenceNumber !== null);
    await run.until('all closed shards are finished', withinMs, () => {
      const done = new Set(this.journal.of('finish').map(({ shardId }) => shardId));
      return closed.every(({ shardId }) => done.has(shardId));
    });
  }

  /** After the last stop: what the handlers reported has all arrived, and no child came before its ancestors. */
  async expectOrder(): Promise<void> {
    await until('the last reports have come', STEP_WITHIN_MS, () => {
      return this.reports.of('teardown').length >= this.reports.of('setup').length - this.handlerDeaths;
    });
    expectAncestorsFirst([...this.#handled, ...this.reports.of('batch')], await this.shards());
    this.journal.expectTakesAfterParents();
  }

  /** As the handlers said themselves: of a death during a stop there is no event. */
  get handlerDeaths(): number {
    return this.reports.of('note').filter(({ text }) => text === 'dies').length;
  }

  async figures(): Promise<string> {
    const { written, delivered, distinct } = this.audit;
    const { calls, faults } = await faultsMet(this.server.simulator, this.stream);
    const shards = (await this.shards()).length;
    const told = this.runs.flatMap((run) => run.of('thread:died'));
    const deaths = this.handlerDeaths + told.filter(({ kind }) => kind === 'fetch').length;
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1);
    return `${written} records, ${delivered - distinct} repeated, ${shards} shards, ${faults} faults in ${calls} calls, ${deaths} deaths, ${seconds} s`;
  }

  [Symbol.dispose](): void {
    this.reports.openGates();
    this.reports[Symbol.dispose]();
    this.journal[Symbol.dispose]();
  }
}
