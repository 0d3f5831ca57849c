// A consumer behind a network that fails: each fault in each of its calls, for a while, and then healed.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  CONNECTION_FAULTS,
  type ConnectionFault,
  type FaultProxy,
  REPLY_FAULTS,
  type ReplyFault,
  startFaultProxy,
} from '../fakes/fault-proxy.ts';
import { ConsumerRun } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { until } from '../support/until.ts';
import { keysOf, writeRounds } from '../support/writing.ts';

const KEYS = keysOf(40);
const SHARDS = 2;
const SHARD_0 = 'shardId-000000000000';
const WINDOW_MS = 400;
const WITHIN_MS = 15_000;
/** Instead of 3 to 60 s, so that a call which gets no answer ends while the test watches. */
const TIMEOUTS = { connectMs: 250, replyMs: 300, stallMs: 300, callMs: 800 };
const OPTIONS = {
  threads: 1,
  timeouts: TIMEOUTS,
  recordLimit: 50,
  batch: { maxRecords: 20 },
  idlePollMs: 200,
  shardRefreshIntervalMs: 200,
} as const;
/** Runs that go on at the same time: most of each is waiting. */
const AT_ONCE = 3;

const STEPS = ['GetShardIterator', 'GetRecords', 'ListShards'] as const;
type Step = (typeof STEPS)[number];

/**
 * Most requests of a kind within a second. A shard reads 5 times a second and makes as few iterators; what is sent on a
 * connection that the server has closed is sent once more. A listing every 200 ms is tried 3 times by the SDK.
 */
const MOST_PER_SECOND: Record<Step, number> = {
  GetShardIterator: 2 * 5 * (SHARDS + 2),
  GetRecords: 2 * 5 * (SHARDS + 2) + 1,
  ListShards: 2 * 3 * 5,
};

/** Of these nothing fails: they cost time, or a connection that is replaced. */
const HARMLESS: readonly (ReplyFault | ConnectionFault)[] = ['latency', 'close-idle'];

interface Recovery {
  readonly step: string;
  readonly ms: number;
}

describe('network faults', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  const summary: string[] = [];
  const outcomes = new Map<ReplyFault | ConnectionFault, Promise<readonly Recovery[]>>();

  before(async () => {
    server = await simulatedServer();
    const turns = Array.from({ length: AT_ONCE }, () => Promise.resolve<unknown>(null));
    for (const [i, fault] of [...REPLY_FAULTS, ...CONNECTION_FAULTS].entries()) {
      const run = turns[i % AT_ONCE]!.then(() =>
        isConnectionFault(fault) ? overConnections(server, fault) : overReplies(server, fault),
      );
      turns[i % AT_ONCE] = run.catch(() => undefined);
      outcomes.set(fault, run);
    }
  });
  after(async () => {
    await Promise.allSettled(outcomes.values());
    await server[Symbol.asyncDispose]();
    process.stdout.write(
      `    ms from the end of the fault until everything was delivered\n${summary.join('')}`,
    );
  });

  for (const fault of [...REPLY_FAULTS, ...CONNECTION_FAULTS]) {
    it(`${fault}: loses nothing, repeats nothing, hammers nobody, and goes on`, async () => {
      const recoveries = await outcomes.get(fault)!;
      const cells = recoveries.map(({ step, ms }) => `${step} ${Math.round(ms)}`);
      summary.push(`      ${fault.padEnd(20)}${cells.join('   ')}\n`);
    });
  }
});

function isConnectionFault(fault: ReplyFault | ConnectionFault): fault is ConnectionFault {
  return CONNECTION_FAULTS.some((each) => each === fault);
}

/** The fault in each call in turn: iterators at the start, reads, and listings while a shard splits. */
async function overReplies(server: SimulatedServer, fault: ReplyFault): Promise<Recovery[]> {
  const stream = `replies-${fault}`;
  await server.createStream(stream, SHARDS);
  await using proxy = await startFaultProxy(server.endpoint);
  const rule = (operation: Step) => proxy.fail({ fault, operation });
  // The first one before the consumer starts: iterators are made at the start of a shard.
  rule('GetShardIterator');
  await using run = new ConsumerRun(
    { ...server, endpoint: proxy.endpoint },
    { module: 'audited' },
    { ...OPTIONS, stream },
  );
  const recoveries: Recovery[] = [];
  const pass = async (step: Step) => {
    await writeRounds(server, stream, run.audit, KEYS, 3);
    await run.until(`${step} met ${fault}`, WITHIN_MS, () => hits(proxy, step) > 0);
    await sleep(WINDOW_MS);
    const healedAt = performance.now();
    await proxy.heal();
    await run.untilComplete(WITHIN_MS);
    recoveries.push({ step, ms: performance.now() - healedAt });
  };

  await pass('GetShardIterator');
  rule('GetRecords');
  await pass('GetRecords');
  rule('ListShards');
  await server.split(stream, SHARD_0);
  await pass('ListShards');

  if (!HARMLESS.includes(fault)) {
    expect(run.of('shard:retry'), 'reads reported as tried again').not.to.be.empty;
  }
  await expectUndisturbed(run, proxy);
  return recoveries;
}

/** The fault on every connection, while records come and a shard splits. */
async function overConnections(server: SimulatedServer, fault: ConnectionFault): Promise<Recovery[]> {
  const stream = `connections-${fault}`;
  await server.createStream(stream, SHARDS);
  await using proxy = await startFaultProxy(server.endpoint);
  await using run = new ConsumerRun(
    { ...server, endpoint: proxy.endpoint },
    { module: 'audited' },
    { ...OPTIONS, stream },
  );
  await run.consumer.ready();
  await writeRounds(server, stream, run.audit, KEYS, 3);
  await run.untilComplete(WITHIN_MS);
  const made = proxy.connections.made;
  await proxy.failConnections(fault);
  await writeRounds(server, stream, run.audit, KEYS, 3);
  await server.split(stream, SHARD_0);
  await writeRounds(server, stream, run.audit, KEYS, 3);
  await run.until(`a read was tried again`, WITHIN_MS, () => run.of('shard:retry').length > 0);
  await sleep(WINDOW_MS);
  const attempts = proxy.connections.made - made;
  const healedAt = performance.now();
  await proxy.heal();
  await run.untilComplete(WITHIN_MS);
  const recovery = { step: 'all', ms: performance.now() - healedAt };
  expect(attempts, 'connections tried meanwhile').to.be.at.most(60);
  await expectUndisturbed(run, proxy);
  return [recovery];
}

const hits = (proxy: FaultProxy, step: Step) =>
  proxy.requests.filter(({ operation, isHit }) => isHit && operation === step).length;

async function expectUndisturbed(run: ConsumerRun, proxy: FaultProxy): Promise<void> {
  await until('the consumer has stopped', WITHIN_MS, async () => {
    expect(await run.stop()).to.equal(null);
    return true;
  });
  run.audit.expectExactlyOnceInOrder();
  for (const name of ['lease:lost', 'session:lost', 'thread:died', 'error'] as const) {
    expect(run.of(name), name).to.be.empty;
  }
  for (const step of STEPS) {
    const times = proxy.requests.filter(({ operation }) => operation === step).map(({ at }) => at);
    const busiest = times.map((from) => times.filter((at) => at >= from && at < from + 1_000).length);
    expect(Math.max(0, ...busiest), `${step} within a second`).to.be.at.most(MOST_PER_SECOND[step]);
  }
}
