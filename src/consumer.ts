// The consumer: wires options, receivers and the coordinator's thread, and owns start and stop.

import { EventEmitter } from 'node:events';
import { type Coordination, createCoordination } from './consumer/coordination.ts';
import { type ConsumerEvents, eventMeantBy, toConsumerEvent } from './consumer/events.ts';
import { type HandlerThreads, startHandlerThreads } from './consumer/handler-threads.ts';
import { type ConsumerHealth, toHealth } from './consumer/health.ts';
import { openReceiver, type ReceivingThread } from './consumer/open-receiver.ts';
import { createPuller, type Puller } from './consumer/puller.ts';
import { watchStart } from './consumer/start-watch.ts';
import { type ConsumerStatus, toConsumerStatus } from './consumer/status.ts';
import { receiverConfig } from './consumer/thread-config.ts';
import { callsInHand } from './delivery/calls-in-hand.ts';
import type { Receiver } from './delivery/receiver.ts';
import { handlerModuleUrl, importHandler, toHandler } from './handler.ts';
import { resolveAddress } from './kinesis/addressing.ts';
import { loadCredentials } from './kinesis/credentials.ts';
import { show } from './model/checks.ts';
import { encodeError, ShardpoolError } from './model/errors.ts';
import type { Handler, HandlerFunction } from './model/handler.ts';
import type { RawPort } from './model/port.ts';
import type { Batch, StreamRecord } from './model/record.ts';
import {
  type ConsumerOptions,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
  waitOption,
} from './options.ts';
import { systemClock } from './platform/clock.ts';
import { deferred } from './platform/deferred.ts';
import { settledWithin, systemTimers, unrefTimers } from './platform/timers.ts';
import type { LogRecord, SharedMemory, ThreadEvent } from './protocol.ts';

/** In this order, one way; `stopping` may follow each of the earlier ones. */
type State = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped';

const HANDLER_THREADS_END_MS = 2_000;
const TEARDOWN_MS = 2_000;
const HEALTH_ANSWER_MS = 2_000;

/**
 * Reads one stream. Constructing it only checks the options (ERR_INVALID_OPTION); `run`, iteration and `ready` start it.
 */
export class Consumer<T = unknown> extends EventEmitter<ConsumerEvents> {
  readonly #options: ResolvedConsumerOptions;
  readonly #credentials: ReturnType<typeof loadCredentials>;
  readonly #ready = deferred();
  readonly #finished = deferred();
  #state: State = 'idle';
  #isReady = false;
  #coordination: Coordination | null = null;
  #handlerThreads: HandlerThreads | null = null;
  /** The handler in main; null with handler threads. */
  #handler: Handler | null = null;
  readonly #receiving: ReceivingThread = { receiver: 0, calls: callsInHand(), mayDie: false };
  #receiver: Receiver | null = null;
  #puller: Puller | null = null;
  #error: Error | null = null;
  #stopped: Promise<void> | null = null;
  /** What the start waits for, in words; and its end, by success or by a stop. */
  #waitsFor = '';
  readonly #startOver = new AbortController();

  constructor(options: ConsumerOptions) {
    super();
    this.#options = resolveConsumerOptions(options);
    resolveAddress(this.#options);
    this.#credentials = loadCredentials(this.#options.credentials, systemClock);
    // Whoever waits sees the rejection; that nobody waits is no crash.
    this.#ready.promise.catch(() => undefined);
    this.#finished.promise.catch(() => undefined);
    // Names of one's own are nobody's business; for those that are nearly one of ours the log has a word.
    super.on(
      'newListener' as never,
      ((name: unknown) => {
        const meant = eventMeantBy(name);
        if (meant === null) return;
        const event = String(name);
        this.#options.logger.warn(
          { event, meant },
          `There is no event \`${event}\`; did you mean \`${meant}\`?`,
        );
      }) as never,
    );
  }

  /** True from the moment when the first shards are being read until the stop. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /**
   * Reads until `stop`; resolves when everything has ended, rejects with what made it impossible to go on (ERR_STREAM_NOT_FOUND,
   * ERR_ACCESS_DENIED, ERR_CONNECTION, ...). `handler` is a function or a `defineHandler` result, or the URL or absolute path
   * of a module that exports one as default; with `handlerThreads` it must be a module. Throws ERR_INVALID_STATE when the
   * consumer was started before.
   */
  async run(handler: HandlerFunction<T> | Handler<T> | URL | string): Promise<void> {
    const module = handlerModuleUrl(handler);
    const { handlerThreads } = this.#options;
    if (handlerThreads > 0 && module === null) {
      throw new ShardpoolError(
        'ERR_INVALID_HANDLER',
        `Expected the handler to be the URL or absolute path of a module, because \`handlerThreads\` is ${handlerThreads}, got \`${show(handler)}\``,
      );
    }
    this.#checkIdle();
    this.#begin(module ?? toHandler(handler, 'the handler'));
    await this.#finished.promise;
  }

  /** Batches as an async iterator; see `for await` over the consumer. */
  batches(): AsyncIterableIterator<Batch<T>> {
    return this.#pull().batches() as AsyncIterableIterator<Batch<T>>;
  }

  /** User records as an async iterator: the next pull acks the record before; `break`, `return` and `throw` do not. */
  [Symbol.asyncIterator](): AsyncIterableIterator<StreamRecord<T>> {
    return this.#pull().records() as AsyncIterableIterator<StreamRecord<T>>;
  }

  /**
   * Resolves when the first shards are being read. Rejects with ERR_TIMEOUT, with what made the start fail, or with ERR_STOPPED.
   * On a consumer that is to be iterated over, this starts it.
   */
  async ready(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = waitOption(options, 'timeoutMs', 30_000);
    if (this.#state === 'idle' && this.#puller !== null) this.#begin(this.#puller.handler);
    if (!(await settledWithin(systemTimers, this.#ready.promise, timeoutMs))) {
      throw new ShardpoolError('ERR_TIMEOUT', `The consumer was not ready within ${timeoutMs} ms`, {
        retryable: true,
      });
    }
    await this.#ready.promise;
  }

  /** Where every shard stands. Rejects with ERR_INVALID_STATE on a consumer that does not run. */
  async status(): Promise<ConsumerStatus> {
    if (this.#coordination === null)
      throw new ShardpoolError('ERR_INVALID_STATE', 'The consumer does not run');
    return toConsumerStatus(await this.#coordination.status());
  }

  /** Whether all is well here, and if not, what is not: for a liveness probe. Never rejects. */
  async health(): Promise<ConsumerHealth> {
    const { leaseDurationMs } = this.#options;
    const coordination = this.#isReady ? this.#coordination : null;
    const asked = coordination?.status().catch(() => null) ?? Promise.resolve(null);
    const isAnswered = await settledWithin(systemTimers, asked, HEALTH_ANSWER_MS);
    const status = isAnswered ? await asked : null;
    return toHealth({ isReady: this.#isReady, status, leaseDurationMs });
  }

  /**
   * Writes the checkpoints of everything acked so far, now. With `ack: 'manual'` it acks first: everything whose handler call has
   * returned, of all shards; in a loop, everything that was pulled, also the item in hand.
   */
  async checkpoint(): Promise<void> {
    if (this.#coordination === null)
      throw new ShardpoolError('ERR_INVALID_STATE', 'The consumer does not run');
    if (this.#options.ack === 'manual') this.#puller?.ackPulled();
    await this.#coordination.checkpoint();
  }

  /**
   * Fetches nothing more, lets handlers finish what was received, writes the last checkpoints and gives the leases back.
   * What has not finished after `deadlineMs` (default: `drainDeadlineMs`) is aborted and will be read again, and so will what waits
   * to be tried again. In a loop it may be awaited: what the loop does not pull any more is given back. Rejects with
   * ERR_INVALID_OPTION for a deadline that is none, and with nothing else; calling it again waits for the first call.
   */
  async stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    const deadlineMs = waitOption(options, 'deadlineMs', this.#options.drainDeadlineMs);
    this.#stopped ??= this.#stop(deadlineMs);
    await this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #checkIdle(): void {
    if (this.#state === 'idle' && this.#puller === null) return;
    throw new ShardpoolError('ERR_INVALID_STATE', 'A consumer runs once, by run() or by one iteration');
  }

  #pull(): Puller {
    this.#checkIdle();
    if (this.#options.handlerThreads > 0) {
      throw new ShardpoolError(
        'ERR_INVALID_STATE',
        'Iteration needs `handlerThreads` 0: records are pulled in main',
      );
    }
    const puller = createPuller({
      ack: this.#options.ack,
      timers: systemTimers,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      ready: this.#ready.promise.catch(() => undefined),
      onLeave: () => this.stop({ deadlineMs: 0 }),
      onFirstPull: () => {
        if (this.#state === 'idle') this.#begin(puller.handler);
      },
    });
    this.#puller = puller;
    return puller;
  }

  /** A handler, or the URL of the module that exports it. */
  #begin(handler: Handler | string): void {
    if (this.#state !== 'idle')
      throw new ShardpoolError('ERR_INVALID_STATE', 'The consumer was started before');
    const { signal } = this.#options;
    this.#state = 'starting';
    if (signal?.aborted === true) {
      void this.stop();
      return;
    }
    signal?.addEventListener('abort', this.#onSignal, { once: true });
    watchStart({
      timers: systemTimers,
      logger: this.#options.logger,
      waitsFor: () => this.#waitsFor,
      signal: this.#startOver.signal,
    }).catch((error: unknown) => this.#fail(error));
    this.#start(handler).catch((error: unknown) => this.#fail(error));
  }

  readonly #onSignal = () => void this.stop();

  async #start(handler: Handler | string): Promise<void> {
    const options = this.#options;
    if (options.handlerThreads === 0) await this.#setUpHandler(handler);
    else this.#startHandlerThreads(handler as string);
    if (this.#state !== 'starting') return;
    const coordination = createCoordination({
      options,
      attach: (memory, links) => this.#attach(memory, links),
      credentials: this.#credentials,
      onReceiverGone: (receiver, shards) => this.#handlerThreads?.shardsOf(receiver, shards),
      emit: (event) => this.#emitThreadEvent(event),
      log: (record) => this.#log(record),
      onFatal: (error) => this.#fail(error),
    });
    this.#coordination = coordination;
    await coordination.start();
    // A stop that began meanwhile goes its own way.
    if ((this.#state as State) !== 'starting') return;
    this.#state = 'running';
    this.#startOver.abort();
    this.#isReady = true;
    this.#ready.resolve();
    this.#emit('ready');
  }

  async #setUpHandler(value: Handler | string): Promise<void> {
    if (typeof value === 'string') this.#waitsFor = `the import of the handler module ${value}`;
    const handler = typeof value === 'string' ? await importHandler(value) : value;
    if (this.#state !== 'starting') return;
    this.#handler = handler;
    this.#waitsFor = 'the `setup` of the handler';
    await handler.setup?.({ logger: this.#options.logger, thread: 0 });
  }

  #startHandlerThreads(module: string): void {
    const { handlerThreads: threads, handlerHangMs: hangMs } = this.#options;
    this.#waitsFor = `the handler threads, which import ${module} and run its \`setup\``;
    this.#handlerThreads = startHandlerThreads({
      module,
      threads,
      hangMs,
      config: receiverConfig(this.#options),
      link: (receiver) => this.#coordination!.link(receiver),
      emit: (event) => this.#emitThreadEvent(event),
      log: (record) => this.#log(record),
      onFatal: (error) => this.#fail(error),
    });
  }

  /** Opens the receivers, or moves them to a coordinator that follows another one. */
  async #attach(memory: SharedMemory, links: readonly RawPort[]): Promise<void> {
    const threads = this.#handlerThreads;
    if (threads === null) await this.#receiveHere(memory, links[0]!);
    else await threads.attach(memory, links);
    this.#waitsFor = 'the stream, the checkpointer or the fetch threads';
  }

  async #receiveHere(memory: SharedMemory, link: RawPort): Promise<void> {
    this.#receiver?.detach();
    this.#waitsFor = 'the processor';
    this.#receiver = await openReceiver(
      {
        link,
        config: receiverConfig(this.#options),
        memory,
        handler: this.#handler!,
        logger: this.#options.logger,
        emit: (event) => this.#emitThreadEvent(event),
        onError: (error) => this.#fail(error),
        onEnd: () => undefined,
      },
      this.#receiving,
    );
    // The coordinator's thread is what keeps the process alive.
    link.unref?.();
  }

  #fail(reason: unknown): void {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    if (this.#error !== null || this.#state === 'stopping' || this.#state === 'stopped') {
      this.#options.logger.warn(
        { error: encodeError(error) },
        'An error came while the consumer was stopping',
      );
      return;
    }
    this.#error = error;
    void this.stop({ deadlineMs: 0 });
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onSignal);
    const wasIdle = this.#state === 'idle';
    this.#state = 'stopping';
    this.#startOver.abort();
    this.#isReady = false;
    this.#puller?.drain();
    this.#handlerThreads?.drain();
    const outcome = await this.#coordination?.stop(deadlineMs);
    // Handlers that still run, or that a hung coordinator could not tell: nothing of theirs counts any more.
    this.#receiver?.detach();
    await this.#handlerThreads?.end(HANDLER_THREADS_END_MS);
    if (!wasIdle) await this.#teardown();
    this.#state = 'stopped';
    this.#coordination = null;
    const stopped = new ShardpoolError('ERR_STOPPED', 'The consumer was stopped');
    this.#ready.reject(this.#error ?? stopped);
    this.#puller?.close(this.#error);
    if (this.#error === null) this.#finished.resolve();
    else this.#finished.reject(this.#error);
    if (this.#error !== null && this.listenerCount('error') > 0) this.#emit('error', this.#error);
    this.#emit('stopped', { late: outcome?.late ?? 0, clean: outcome?.clean ?? true });
  }

  async #teardown(): Promise<void> {
    const { logger } = this.#options;
    const done = Promise.resolve()
      .then(() => this.#handler?.teardown?.())
      .catch((error: unknown) => {
        logger.error({ error: encodeError(error) }, 'The teardown of the handler failed');
      });
    if (await settledWithin(unrefTimers, done, TEARDOWN_MS)) return;
    logger.warn(
      { waitedMs: TEARDOWN_MS },
      'The teardown of the handler has not ended; the stop goes on without it',
    );
  }

  #emitThreadEvent(event: ThreadEvent): void {
    const { name, detail } = toConsumerEvent(event);
    this.#options.logger.debug({ ...detail }, name);
    this.#emit(name, detail as never);
  }

  #log({ level, fields, message }: LogRecord): void {
    this.#options.logger[level](fields, message);
  }

  /** A listener's exception is logged and ends nothing. */
  #emit<Name extends keyof ConsumerEvents>(name: Name, ...args: ConsumerEvents[Name]): void {
    try {
      this.emit(name, ...(args as never));
    } catch (error) {
      this.#options.logger.error({ error: encodeError(error), event: name }, 'A listener threw');
    }
  }
}
