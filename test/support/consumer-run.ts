// A running consumer under test: its events, what its handler reported, and how it ended.

import { CONSUMER_EVENTS, type ConsumerEvents } from '../../src/consumer/events.ts';
import {
  Consumer,
  type ConsumerOptions,
  type ConsumerStatus,
  type HandlerFunction,
} from '../../src/index.ts';
import type { Server } from '../testing/sdk-client.ts';
import type { DeliveryAudit } from './delivery-audit.ts';
import { HandlerReports } from './handler-reports.ts';
import { until, within } from './until.ts';

export interface RecordedEvent<Name extends keyof ConsumerEvents = keyof ConsumerEvents> {
  readonly name: Name;
  readonly detail: ConsumerEvents[Name][0];
}

/** A module of test/integration/handlers by name, with what its URL is to say; or a function for the main thread. */
export type TestHandler =
  | { readonly module: string; readonly params?: Readonly<Record<string, string | number>> }
  | HandlerFunction;

const STOP_WITHIN_MS = 20_000;

export function moduleUrl(folder: 'handlers' | 'processors', name: string): URL {
  return new URL(`../integration/${folder}/${name}.js`, import.meta.url);
}

/** The options by which a consumer finds the server. */
export function addressOf({ endpoint, region, credentials }: Server) {
  return { endpoint, region, credentials };
}

export class ConsumerRun implements AsyncDisposable {
  readonly consumer: Consumer;
  readonly reports = new HandlerReports();
  readonly events: RecordedEvent[] = [];
  /** Resolves with what `run` rejected with, or null. */
  readonly finished: Promise<Error | null>;
  #end: { readonly error: Error | null } | null = null;

  constructor(server: Server, handler: TestHandler, options: Partial<ConsumerOptions> & { stream: string }) {
    this.consumer = new Consumer({ ...addressOf(server), ...options });
    for (const name of CONSUMER_EVENTS) {
      this.consumer.on(name, ((detail: never) => this.events.push({ name, detail })) as never);
    }
    let target: HandlerFunction | URL;
    if (typeof handler === 'function') {
      target = handler;
    } else {
      target = moduleUrl('handlers', handler.module);
      target.searchParams.set('channel', this.reports.channelName);
      for (const [name, value] of Object.entries(handler.params ?? {}))
        target.searchParams.set(name, String(value));
    }
    this.finished = this.consumer.run(target).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    );
    void this.finished.then((error) => (this.#end = { error }));
  }

  get audit(): DeliveryAudit {
    return this.reports.audit;
  }

  /** The events of that name, or all that are about a shard of it. */
  of<Name extends keyof ConsumerEvents>(name: Name): ConsumerEvents[Name][0][] {
    return this.events
      .filter((event) => event.name === name)
      .map(({ detail }) => detail as ConsumerEvents[Name][0]);
  }

  /** As `until`, but a consumer that ended with an error ends the wait. */
  async until<T>(what: string, withinMs: number, condition: () => T | Promise<T>) {
    return until(what, withinMs, () => {
      if (this.#end?.error) throw this.#end.error;
      return condition();
    });
  }

  async untilStatus(
    what: string,
    withinMs: number,
    condition: (status: ConsumerStatus) => boolean,
  ): Promise<ConsumerStatus> {
    return this.until(what, withinMs, async () => {
      const status = await this.consumer.status();
      return condition(status) ? status : null;
    });
  }

  /** Resolves when everything that was written has been delivered; with what is missing when it was not. */
  async untilComplete(withinMs: number): Promise<void> {
    try {
      await this.until('everything was delivered', withinMs, () => this.audit.isComplete);
    } catch (error) {
      if (this.#end?.error == null) this.audit.expectExactlyOnceInOrder();
      throw error;
    }
  }

  async stop(deadlineMs?: number): Promise<Error | null> {
    await within(
      'the stop',
      STOP_WITHIN_MS,
      this.consumer.stop(deadlineMs === undefined ? {} : { deadlineMs }),
    );
    return this.finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A gate that a failed test left shut would keep its handler until the deadline.
    this.reports.openGates();
    await this.stop(2_000);
    this.reports[Symbol.dispose]();
  }
}
