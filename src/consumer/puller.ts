// Turns handler calls into pulls: the next pull acks the item before it; leaving the loop does not. With `ack: 'manual'`
// the next pull acks nothing: `batch.ack` and `ackPulled` do.

import type { DeliveryContext } from '../delivery/receiver.ts';
import type { Handler } from '../model/handler.ts';
import type { Batch, StreamRecord } from '../model/record.ts';
import { deferred, type Deferred } from '../platform/deferred.ts';
import type { Timer, Timers } from '../platform/timers.ts';
import type { AckMode } from '../protocol.ts';

interface Offer {
  readonly batch: Batch;
  readonly context: DeliveryContext;
  readonly taken: Deferred<void>;
  /** Index of the next record to hand out. */
  next: number;
}

export interface Puller {
  /** Feeds the pulls; one batch of each shard waits at a time. */
  readonly handler: Handler;
  batches(): AsyncIterableIterator<Batch>;
  records(): AsyncIterableIterator<StreamRecord>;
  /** Acks every item that was pulled so far, also the one in hand. */
  ackPulled(): void;
  /**
   * A stop has begun. As long as the loop goes on pulling it gets what was received; when it has not pulled for a moment, it is taken
   * to wait for that very stop, and everything that is not acked is given back, also the item in hand.
   */
  drain(): void;
  /** No more will come: pending pulls end, or reject with the error. */
  close(error: Error | null): void;
}

/** Nothing tells a stop inside of the loop from one outside, where the body of the loop may take its time: this long. */
const DRAIN_PATIENCE_MS = 5_000;
/** Batches that were pulled, from which on it is looked whether all of them still wait for acks. */
const LOOK_FOR_ACKED_AT = 64;

export interface PullerParts {
  readonly ack: AckMode;
  readonly timers: Timers;
  /** Resolves when reading has begun; a start that fails ends the pulls by `close`. */
  readonly ready: Promise<void>;
  /** Null: waits for ever. */
  readonly idleTimeoutMs: number | null;
  /** The loop was left, or idled out. */
  readonly onLeave: () => Promise<void>;
  /** Called by the first pull. */
  readonly onFirstPull: () => void;
}

export function createPuller(parts: PullerParts): Puller {
  const offers: Offer[] = [];
  /** Partly pulled, or pulled to the end with the last item in hand. */
  const inHand = new Set<Offer>();
  /** Pulled past, and perhaps not acked. */
  const passed = new Set<Offer>();
  let lookAt = LOOK_FOR_ACKED_AT;
  let draining = false;
  let patience: Timer | null = null;
  let waiting: Deferred<Offer | null> | null = null;
  let closed: { readonly error: Error | null } | null = null;
  let left = false;

  /** Everything that is not acked is given back. */
  const leave = () => {
    left = true;
    stopPatience();
    for (const { context, taken } of [...offers.splice(0), ...inHand, ...passed]) {
      context.abandon();
      taken.resolve();
    }
    inHand.clear();
    passed.clear();
  };

  const stopPatience = () => {
    if (patience !== null) parts.timers.clearTimeout(patience);
    patience = null;
  };

  /** The loop has pulled, or got what it pulls. */
  const moved = () => {
    stopPatience();
    if (draining && !left) patience = parts.timers.setTimeout(loosePatience, DRAIN_PATIENCE_MS);
  };

  const loosePatience = () => {
    patience = null;
    // A loop that waits for the next item has done, and so acked, what it got: the drain waits for none of it.
    if (waiting === null || parts.ack === 'manual') leave();
  };

  const pass = (offer: Offer) => {
    inHand.delete(offer);
    offer.taken.resolve();
    if (parts.ack === 'auto') return;
    passed.add(offer);
    if (passed.size < lookAt) return;
    for (const each of passed) if (!each.context.awaitsAcks()) passed.delete(each);
    lookAt = Math.max(LOOK_FOR_ACKED_AT, 2 * passed.size);
  };

  const take = (): Promise<Offer | null> => {
    parts.onFirstPull();
    // What lost its lease while it waited is not handed out any more.
    while (offers.length > 0) {
      const offer = offers.shift()!;
      if (offer.context.isValid()) return Promise.resolve(offer);
      offer.taken.resolve();
    }
    if (closed !== null) return closed.error === null ? Promise.resolve(null) : Promise.reject(closed.error);
    const pull = deferred<Offer | null>();
    waiting = pull;
    const { idleTimeoutMs, timers, ready } = parts;
    if (idleTimeoutMs === null) return pull.promise;
    let timer: Timer | null = null;
    // The time that the start takes is not idle time.
    void ready.then(() => {
      if (waiting === pull) timer = timers.setTimeout(() => answer(null), idleTimeoutMs);
    });
    return pull.promise.finally(() => {
      if (timer !== null) timers.clearTimeout(timer);
    });
  };

  /** Answers the pull that waits; false when none does. Only once: the next offer belongs to the next pull. */
  const answer = (offer: Offer | null): boolean => {
    const pull = waiting;
    waiting = null;
    if (pull !== null) moved();
    pull?.resolve(offer);
    return pull !== null;
  };

  const handler: Handler = {
    handle(batch, context) {
      const offer: Offer = { batch, context: context as DeliveryContext, taken: deferred(), next: 0 };
      if (left) {
        offer.context.abandon();
        return undefined;
      }
      if (parts.ack === 'manual') offer.context.pulled();
      // The signal lives as long as the lease: a listener that stays behind for each batch would add up.
      const onAbort = () => offer.taken.resolve();
      context.signal.addEventListener('abort', onAbort, { once: true });
      if (!answer(offer)) offers.push(offer);
      return offer.taken.promise.finally(() => context.signal.removeEventListener('abort', onAbort));
    },
  };

  /** `step` hands out the next item of an offer, or null when the offer is used up; `ack` says that it is done. */
  const iterate = <T>(
    step: (offer: Offer) => T | null,
    ack: (offer: Offer) => void,
  ): AsyncIterableIterator<T> => {
    let current: Offer | null = null;
    let done = false;
    const finish = async (): Promise<IteratorResult<T>> => {
      if (!done) {
        done = true;
        current = null;
        leave();
        await parts.onLeave();
      }
      return { done: true, value: undefined };
    };
    const pull = async (): Promise<IteratorResult<T>> => {
      if (done) return { done: true, value: undefined };
      moved();
      if (current !== null && parts.ack === 'auto') ack(current);
      for (;;) {
        if (current !== null) {
          const value = current.context.isValid() ? step(current) : null;
          if (value !== null) return { done: false, value };
          pass(current);
        }
        current = await take();
        if (current === null) return finish();
        inHand.add(current);
      }
    };
    let last: Promise<unknown> = Promise.resolve();
    return {
      next() {
        // Pulls that overlap are answered one after the other.
        const next = last.then(pull);
        last = next.catch(() => undefined);
        return next;
      },
      return: finish,
      async throw(error: unknown) {
        await finish();
        throw error;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };

  return {
    handler,
    batches: () =>
      iterate(
        (offer) => (offer.next === 0 ? ((offer.next = offer.batch.length), offer.batch) : null),
        // The handler call returns with the pull, and that acks the batch as a whole.
        () => undefined,
      ),
    records: () =>
      iterate(
        (offer) => offer.batch.at(offer.next++) ?? null,
        (offer) => offer.context.ackTo(offer.next - 1),
      ),
    ackPulled() {
      for (const { context, batch, next } of [...passed, ...inHand]) {
        if (next > 0) context.ackTo(Math.min(next, batch.length) - 1);
      }
      passed.clear();
    },
    drain() {
      draining = true;
      moved();
    },
    close(error) {
      stopPatience();
      closed = { error };
      if (error === null) answer(null);
      else waiting?.reject(error);
      waiting = null;
    },
  };
}
