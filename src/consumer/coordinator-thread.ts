// Root of the coordinator's thread: wires the coordinator to main, to the receivers and to its adapters.

import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { openLeaseStore } from '../checkpointers/open-lease-store.ts';
import { Coordinator } from '../coordinator/coordinator.ts';
import { createCredentialsCache } from '../coordinator/credentials.ts';
import { createFetchPool, hostSlots } from '../coordinator/pool.ts';
import { createKinesisApi } from '../kinesis/sdk-kinesis-api.ts';
import { encodeError } from '../model/errors.ts';
import { bootId } from '../platform/boot-id.ts';
import { budgetKeeper } from '../platform/byte-budget.ts';
import { systemClock as clock } from '../platform/clock.ts';
import { fenceOn } from '../platform/fence.ts';
import { isProcessGone } from '../platform/process-gone.ts';
import { pendingReplies } from '../platform/pending-replies.ts';
import { type Port, portOf } from '../platform/port.ts';
import { COORDINATOR, ofHost, ofReceiver, progressOf, progressView } from '../platform/progress.ts';
import { delay, systemTimers as timers } from '../platform/timers.ts';
import type { CoordinatorToMain, MainToCoordinator, PlainCredentials } from '../protocol.ts';
import { collected } from './remembered.ts';
import { workerFile } from './worker-file.ts';

type Start = Extract<MainToCoordinator, { type: 'start' }>;

/** Control calls may be repeated by the SDK itself: they are few and idempotent. */
const CONTROL_ATTEMPTS = 3;
const CONTROL_SOCKETS = 8;
const TICK_MS = 500;
const CREATED_MS = 300;
/** Short, because a wrong endpoint should show soon; three attempts make it 15 s at the most. */
const CONTROL_REPLY_MS = 4_000;

/** Serves main over `main` until the consumer has stopped. */
export function runCoordinatorThread(main: Port<CoordinatorToMain, MainToCoordinator>): void {
  const answers = pendingReplies<PlainCredentials>();
  let coordinator: Promise<Coordinator> | null = null;
  let stopping = false;

  const start = async (message: Start): Promise<Coordinator> => {
    const created = await createCoordinator(message, main, (renew) =>
      answers.ask((id) => main.post({ type: 'credentials?', id, renew })),
    );
    if (stopping) return created;
    // Its outcome goes to main by message; `stop` must work on a coordinator whose start hangs or has failed.
    created.start().then(
      (shards) => main.post({ type: 'started', shards }),
      (error: unknown) => {
        if (!stopping) main.post({ type: 'fatal', error: encodeError(error) });
      },
    );
    return created;
  };

  const stop = async (drainMs: number) => {
    stopping = true;
    // The user's own store may take for ever to open; what is not there holds nothing.
    const given = new AbortController();
    const waited = delay(timers, CREATED_MS, given.signal).then(() => null);
    const running = await Promise.race([coordinator?.catch(() => null), waited]);
    given.abort();
    try {
      const { late, positions } = (await running?.stop(drainMs)) ?? { late: 0, positions: [] };
      main.post({ type: 'drained', late });
      main.post({ type: 'bye', positions });
    } catch (error) {
      main.post({ type: 'fatal', error: encodeError(error) });
    }
    main.close();
  };

  main.onMessage((message) => {
    switch (message.type) {
      case 'start': {
        const { tick } = progressOf(message.memory.progress, COORDINATOR);
        // By this main sees that the event loop turns.
        setInterval(tick, TICK_MS).unref();
        coordinator = start(message);
        coordinator.catch((error: unknown) => main.post({ type: 'fatal', error: encodeError(error) }));
        break;
      }
      case 'credentials':
        answers.settle(message.id, message.value, message.error);
        break;
      case 'status':
        coordinator?.then(
          (running) => main.post({ type: 'status', id: message.id, status: running.status() }),
          () => undefined,
        );
        break;
      case 'checkpoint':
        coordinator
          ?.then((running) => running.checkpoint())
          .then(
            () => main.post({ type: 'checkpointed', id: message.id, error: null }),
            (error: unknown) =>
              main.post({ type: 'checkpointed', id: message.id, error: encodeError(error) }),
          );
        break;
      case 'receiver':
        coordinator?.then(
          (running) => running.join(message.receiver, portOf(message.port)),
          () => undefined,
        );
        break;
      case 'stop':
        main.post({ type: 'stopping' });
        void stop(message.drainMs);
        break;
      default:
        message satisfies never;
    }
  });
}

async function createCoordinator(
  { config, memory, receivers, predecessor }: Start,
  main: Port<CoordinatorToMain, MainToCoordinator>,
  ask: (renew: boolean) => Promise<PlainCredentials>,
): Promise<Coordinator> {
  const { limits } = config.fetcher;
  const credentials = createCredentialsCache(ask, clock, timers, limits.credentialsMs);
  const progress = progressView(memory.progress);
  const hosts = hostSlots(config.threads);
  const host = { name: hostname(), boot: bootId(), pid: process.pid };
  const scope = { application: config.application, stream: config.address.stream };
  const store = await openLeaseStore(config.checkpointer, scope, {
    remembered: predecessor?.remembered ?? null,
    remember: collected((rows) => main.post({ type: 'remember', ...rows })),
  });
  return new Coordinator({
    config,
    clock,
    timers,
    random: Math.random,
    nonce: () => randomBytes(6).toString('base64url'),
    fence: fenceOn(memory.fence, clock),
    host,
    isProcessGone: (row) => isProcessGone(row, { host: host.name, boot: host.boot }),
    api: createKinesisApi({
      address: config.address,
      credentials: credentials.get,
      maxAttempts: CONTROL_ATTEMPTS,
      maxSockets: CONTROL_SOCKETS,
      limits: {
        ...limits,
        replyMs: Math.min(CONTROL_REPLY_MS, limits.replyMs),
        stallMs: Math.min(CONTROL_REPLY_MS, limits.stallMs),
      },
    }),
    credentials,
    store,
    createPool: (hooks) =>
      createFetchPool({
        ...hooks,
        workerFile: workerFile('fetcher').href,
        threads: config.threads,
        config: config.fetcher,
        memory,
        timers,
      }),
    receivers: receivers.map((port) => portOf(port)),
    budget: budgetKeeper(memory.budget),
    tick: progressOf(memory.progress, COORDINATOR).tick,
    threads: {
      hostCounter: (host) => progress.read(ofHost(host)),
      hostHas: (host, shard) => progress.hasInHand(ofHost(host), shard),
      takeHostHands: (host) => progress.takeHands(ofHost(host)),
      takeReceiverHands: (receiver) => progress.takeHands(ofReceiver(receiver, hosts)),
    },
    predecessor: predecessor?.session ?? null,
    onSession: (session) => main.post({ type: 'session', session }),
    onReceiverGone: (receiver, shards) => main.post({ type: 'receiverGone', receiver, shards }),
    emit: (event) => main.post({ type: 'event', event }),
    log: (message, error) =>
      main.post({ type: 'log', record: { level: 'warn', message, fields: { error: encodeError(error) } } }),
    onFatal: (error) => main.post({ type: 'fatal', error: encodeError(error) }),
  });
}
