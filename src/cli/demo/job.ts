// The run of the demo: simulator, consumer with handler threads, sender and resharding, until every block is accounted for.

import { randomUUID } from 'node:crypto';
import { Consumer } from '../../consumer.ts';
import { systemClock } from '../../platform/clock.ts';
import { deferred } from '../../platform/deferred.ts';
import { delay, systemTimers } from '../../platform/timers.ts';
import type { RecordWriterStats } from '../../sending/record-writer.ts';
import { startSimulator } from '../../testing/index.ts';
import { aborted } from '../interruption.ts';
import type { Block } from './blocks.ts';
import type { HandledBatch } from './handled.ts';
import { showProgress } from './progress.ts';
import { createResharding } from './reshard.ts';
import { openSender } from './sender.ts';
import { SHARDS, STREAM } from './stream.ts';
import { Tally } from './tally.ts';

export interface JobOptions {
  readonly dir: string;
  readonly blocks: readonly Block[];
  readonly handlerThreads: number;
  readonly signal: AbortSignal;
  readonly output: NodeJS.WriteStream;
}

export interface JobResult {
  readonly tally: Tally;
  readonly changes: readonly string[];
  /** From the first put to the last block handled. */
  readonly elapsedMs: number;
  /** What the record writer says of its requests. */
  readonly writer: RecordWriterStats;
}

/** How long nothing may be handled before the rest counts as missing. */
const STALL_MS = 30_000;
const STALL_LOOK_MS = 1_000;
const DRAIN_DEADLINE_MS = 1_000;
/** The threads that sent them have ended, so what is still under way is in the queue of this one. */
const LAST_MESSAGES_MS = 10;

/** Resolves when everything that it started has ended, also when the signal was aborted: `tally` says how far it came. */
export async function runJob({
  dir,
  blocks,
  handlerThreads,
  signal,
  output,
}: JobOptions): Promise<JobResult> {
  await using simulator = await startSimulator();
  await simulator.createStream(STREAM, { shards: SHARDS });
  await using sender = openSender(simulator, signal);
  const tally = new Tally(blocks);
  const resharding = createResharding(simulator, STREAM, {
    shards: SHARDS,
    records: blocks.length,
    note: (line) => progress.note(line),
  });
  await using progress = showProgress(output, blocks.length, () => ({
    sent: sender.stats().acknowledged,
    handled: tally.handled.records,
    bytes: tally.handled.bytes,
    shards: resharding.open,
  }));
  using results = collectResults(tally, () => resharding.look(tally.handled.records));
  await using consumer = new Consumer({
    stream: STREAM,
    application: 'demo',
    region: simulator.region,
    endpoint: simulator.endpoint,
    credentials: simulator.credentials,
    handlerThreads,
    drainDeadlineMs: DRAIN_DEADLINE_MS,
  });

  const over = new AbortController();
  const running = consumer.run(handlerModule(dir, results.channel));
  let elapsedMs = 0;
  try {
    // The start of the threads is not what the rates should show.
    await Promise.race([consumer.ready(), running, aborted(signal)]);
    const started = systemClock.monotonic();
    const work = Promise.all([sender.send(blocks), results.complete]);
    await Promise.race([work, running, stalled(tally, over.signal), aborted(signal)]);
    elapsedMs = systemClock.monotonic() - started;
    await resharding.settled();
    // Whoever interrupts waits for no handler.
    await consumer.stop(signal.aborted ? { deadlineMs: 0 } : {});
    await running;
    await delay(systemTimers, LAST_MESSAGES_MS);
  } catch (error) {
    // What fails because of the interruption is no news, and a failure waits for no handler either.
    await consumer.stop({ deadlineMs: 0 });
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
  return { tally, changes: resharding.changes, elapsedMs, writer: sender.stats() };
}

/** The handler threads import it; a module of its own, so that they load nothing else of the command line. */
function handlerModule(dir: string, channel: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const url = new URL(`./hash-blocks.${extension}`, import.meta.url);
  url.searchParams.set('dir', dir);
  url.searchParams.set('channel', channel);
  return url;
}

interface Results extends Disposable {
  readonly channel: string;
  /** Resolves when every block was handled. */
  readonly complete: Promise<void>;
}

function collectResults(tally: Tally, onBatch: () => void): Results {
  const complete = deferred();
  const channel = new BroadcastChannel(`shardpool-demo-${randomUUID()}`);
  channel.onmessage = (event: unknown) => {
    tally.add((event as { readonly data: HandledBatch }).data);
    onBatch();
    if (tally.missing === 0) complete.resolve();
  };
  return { channel: channel.name, complete: complete.promise, [Symbol.dispose]: () => channel.close() };
}

/** Resolves when nothing was handled for a while. */
async function stalled(tally: Tally, signal: AbortSignal): Promise<void> {
  let last = { handled: 0, at: systemClock.monotonic() };
  while (!signal.aborted) {
    await delay(systemTimers, STALL_LOOK_MS, signal);
    const now = systemClock.monotonic();
    const handled = tally.handled.records;
    if (handled !== last.handled) last = { handled, at: now };
    else if (now - last.at > STALL_MS) return;
  }
}
