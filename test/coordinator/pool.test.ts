// The pool with real threads: how they start, what is told of their deaths, and that they end.

import { expect } from 'chai';
import type { Worker } from 'node:worker_threads';
import {
  createFetchPool,
  type FetchPool,
  type FetchPoolParts,
  type HostDeath,
  hostSlots,
} from '../../src/coordinator/pool.ts';
import type { RawPort } from '../../src/model/port.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import type { CoordinatorToFetcher, FetcherConfig, SharedMemory } from '../../src/protocol.ts';
import { rejection, until, within } from '../support/until.ts';
import type { WayToDie } from '../support/ways-to-die.ts';
import type { Greeting, Start } from './pool-thread/pool-thread.ts';

const WITHIN_MS = 20_000;
const GRACE_MS = 200;

class PoolWorld implements AsyncDisposable {
  readonly pool: FetchPool;
  /** How threads that are started from now on begin. */
  start: Start = 'ready';
  receivers = [0];
  readonly deaths: HostDeath[] = [];
  readonly errors: unknown[] = [];
  /** What was said, as `host type`. */
  readonly messages: string[] = [];
  /** Which receivers threads have greeted, as `host receiver`. */
  readonly greetings: string[] = [];
  /** The ports to threads that receivers were given, and those that have closed. */
  readonly givenPorts: string[] = [];
  readonly closedPorts: string[] = [];
  readonly #workers: Worker[] = [];
  readonly #onWorker = (worker: Worker) => this.#workers.push(worker);

  constructor({ threads = 1, entry = 'entry' } = {}) {
    process.on('worker', this.#onWorker);
    const { start } = { start: () => this.start };
    const parts: FetchPoolParts = {
      workerFile: new URL(`./pool-thread/${entry}.cjs`, import.meta.url).href,
      threads,
      receivers: () => this.receivers,
      get config() {
        return { processor: { name: 'string', options: { start: start() } } } as unknown as FetcherConfig;
      },
      memory: {} as SharedMemory,
      timers: systemTimers,
      onDataPort: (receiver, host, port) => this.#receive(receiver, host, port),
      onMessage: (host, { type }) => this.messages.push(`${host} ${type}`),
      onDeath: (death) => this.deaths.push(death),
      onError: (error) => this.errors.push(error),
    };
    this.pool = createFetchPool(parts);
  }

  async started(): Promise<this> {
    await this.pool.start(WITHIN_MS);
    return this;
  }

  /** The thread ends itself. */
  die(host: number, way: WayToDie): void {
    this.pool.post(host, { type: 'assign', shardId: way } as CoordinatorToFetcher);
  }

  /** Resolves once the deaths of so many are told. */
  async untilDead(count: number): Promise<void> {
    await until(`${count} have died`, WITHIN_MS, () => this.deaths.length >= count);
  }

  async untilReady(...hosts: number[]): Promise<void> {
    await until(`${hosts.join()} are ready`, WITHIN_MS, () =>
      hosts.every((host) => this.pool.running.includes(host)),
    );
  }

  /** A message there and back: everything that was said to the thread before was read. */
  async pong(host: number): Promise<void> {
    const said = () => this.messages.filter((each) => each === `${host} pong`).length;
    const before = said();
    this.pool.post(host, { type: 'ping', id: 0 });
    await until(`${host} answers`, WITHIN_MS, () => said() > before);
  }

  get alive(): number {
    return this.#workers.filter(({ threadId }) => threadId !== -1).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within('the end of the pool', WITHIN_MS, this.pool.destroy(GRACE_MS));
    process.off('worker', this.#onWorker);
    await until('every thread is gone', WITHIN_MS, () => this.alive === 0);
  }

  #receive(receiver: number, host: number, port: RawPort): void {
    this.givenPorts.push(`${host} ${receiver}`);
    port.on('message', (greeting: Greeting) => {
      expect(greeting).to.deep.equal({ host, receiver });
      this.greetings.push(`${host} ${receiver}`);
    });
    port.on('close', () => this.closedPorts.push(`${host} ${receiver}`));
    port.unref?.();
  }
}

describe('pool of fetch threads, start', () => {
  it('resolves when every thread has said that it is ready', async () => {
    await using world = new PoolWorld({ threads: 2 });
    const { pool } = world;
    const started = pool.start(WITHIN_MS);
    expect([pool.all, pool.running, pool.ready]).to.deep.equal([[0, 1], [], []]);
    await started;
    expect([pool.all, pool.running, pool.ready]).to.deep.equal([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(world.messages.toSorted()).to.deep.equal(['0 ready', '1 ready']);
    expect(world.deaths).to.deep.equal([]);
  });

  it('messages reach one thread, or all; those to a thread that there is not reach none', async () => {
    await using world = await new PoolWorld({ threads: 2 }).started();
    world.messages.length = 0;
    world.pool.post(7, { type: 'ping', id: 0 });
    world.pool.broadcast({ type: 'ping', id: 0 });
    await until('both answer', WITHIN_MS, () => world.messages.length === 2);
    await world.pong(1);
    expect(world.messages.toSorted()).to.deep.equal(['0 pong', '1 pong', '1 pong']);
  });

  it('rejects when a thread says nothing in time, and takes it down at the end', async () => {
    await using world = new PoolWorld();
    world.start = 'silent';
    const error = await rejection('the start', WITHIN_MS, world.pool.start(200));
    expect(error).to.include({ code: 'ERR_THREAD_DIED' });
    expect(error.message).to.include('200 ms');
    expect([world.pool.all, world.pool.running]).to.deep.equal([[0], []]);
  });

  for (const start of ['throw', 'exit'] as const)
    it(`rejects with the cause when a thread dies of its start by ${start}, which is told as any death`, async () => {
      await using world = new PoolWorld();
      world.start = start;
      const error = await rejection('the start', WITHIN_MS, world.pool.start(WITHIN_MS));
      expect(error.message).to.include(start === 'throw' ? 'thrown at its start' : 'code: 3');
      expect(world.deaths).to.deep.equal([
        { host: 0, role: 'shared', wasReady: false, wasTold: false, error },
      ]);
      expect(world.pool.all).to.deep.equal([]);
    });

  it('rejects with the cause when the file of the threads cannot be loaded, at once', async () => {
    await using world = new PoolWorld({ threads: 2, entry: 'broken-entry' });
    const error = await rejection('the start', WITHIN_MS, world.pool.start(2 * WITHIN_MS));
    expect(error.message).to.include('this file cannot be loaded');
    expect(world.deaths[0]).to.include({ wasReady: false, wasTold: false });
  });

  it('tells by `onError` of a file that could not be loaded before the start, which then ends at its deadline', async () => {
    await using world = new PoolWorld({ entry: 'broken-entry' });
    await until('the thread is dead', WITHIN_MS, () => world.errors.length > 0);
    expect(String(world.errors[0])).to.include('this file cannot be loaded');
    expect(await rejection('the start', WITHIN_MS, world.pool.start(200))).to.include({
      code: 'ERR_THREAD_DIED',
    });
  });
});

describe('pool of fetch threads, deaths', () => {
  const CAUSES = {
    exit: 'worker exited with code: 7',
    throw: 'thrown where nobody catches it',
    rejection: 'rejected where nobody waits for it',
  };

  for (const way of ['exit', 'throw', 'rejection'] as const)
    it(`by ${way}: told once, with the cause; the other threads go on`, async () => {
      await using world = await new PoolWorld({ threads: 2 }).started();
      world.die(0, way);
      await world.untilDead(1);
      const [death] = world.deaths;
      expect(death).to.include({ host: 0, role: 'shared', wasReady: true, wasTold: false });
      expect((death!.error as Error).message).to.equal(CAUSES[way]);
      expect([world.pool.all, world.pool.ready]).to.deep.equal([[1], [1]]);
      await until('its port is closed', WITHIN_MS, () => world.closedPorts.includes('0 0'));
      await world.pong(1);
      expect(world.deaths).to.have.length(1);
      expect(world.errors).to.deep.equal([]);
    });

  it('by `kill`, of a thread in an endless loop: told at once and once, and the thread ends', async () => {
    await using world = await new PoolWorld({ threads: 2 }).started();
    world.die(0, 'loop');
    world.pool.post(0, { type: 'ping', id: 0 });
    await world.pong(1);
    expect(world.deaths).to.deep.equal([]);
    world.pool.kill(0);
    await world.untilDead(1);
    expect(world.deaths[0]).to.include({ host: 0, wasReady: true, wasTold: false });
    await until('the thread has ended', WITHIN_MS, () => world.closedPorts.includes('0 0'));
    world.pool.kill(0);
    await world.pong(1);
    expect(world.deaths).to.have.length(1);
    expect(world.messages).to.not.include('0 pong');
  });

  it('of one that ended without being told to is told too', async () => {
    await using world = await new PoolWorld().started();
    world.pool.post(0, { type: 'end' });
    await world.untilDead(1);
    expect(world.deaths[0]).to.include({ wasTold: false });
    expect(world.deaths[0]!.error).to.include({ code: 'ERR_THREAD_DIED' });
  });
});

describe('pool of fetch threads, those that follow', () => {
  it('a replacement has a number of its own, and that of the dead one is used again only when it was let go of', async () => {
    await using world = await new PoolWorld().started();
    const { pool } = world;
    world.die(0, 'exit');
    await world.untilDead(1);
    pool.replace();
    await world.untilReady(1);
    expect(pool.ready).to.deep.equal([1]);
    pool.forget(0);
    const numbers = hostSlots(1);
    for (let next = 2; next <= numbers; next += 1) {
      world.die(next - 1, 'exit');
      await world.untilDead(next);
      pool.replace();
      await world.untilReady(next % numbers);
    }
    // The numbers go round: the one that is free the longest is next.
    expect(pool.ready).to.deep.equal([0]);
  });

  it('when all numbers are taken by the dead, what is to start waits for the first that is let go of', async () => {
    await using world = await new PoolWorld().started();
    const { pool } = world;
    const numbers = hostSlots(1);
    for (let host = 0; host < numbers - 1; host += 1) {
      world.die(host, 'exit');
      await world.untilDead(host + 1);
      pool.replace();
      await world.untilReady(host + 1);
    }
    world.die(numbers - 1, 'exit');
    await world.untilDead(numbers);
    pool.replace();
    for (let n = 0; n < 3; n += 1) expect(pool.isolation()).to.equal(null);
    expect(pool.all).to.deep.equal([]);
    pool.forget(3);
    expect(pool.all).to.deep.equal([3]);
    pool.forget(5);
    expect(pool.all).to.deep.equal([3, 5]);
    pool.forget(1);
    await world.untilReady(3, 5);
    // In the order in which they were asked for, and no more of them.
    expect([pool.ready, pool.isolation(), pool.all]).to.deep.equal([[3], 5, [3, 5]]);
  });

  it('a replacement that dies of its start is told as any other, and nothing is left unhandled', async () => {
    await using world = await new PoolWorld().started();
    world.die(0, 'exit');
    await world.untilDead(1);
    world.start = 'throw';
    world.pool.replace();
    await world.untilDead(2);
    expect(world.deaths[1]).to.include({ host: 1, wasReady: false, wasTold: false });
  });
});

describe('pool of fetch threads, the thread apart', () => {
  it('starts when it is asked for, once, takes no part in the others, and is named when it is ready', async () => {
    await using world = await new PoolWorld().started();
    const { pool } = world;
    expect([pool.isolation(), pool.isolation()]).to.deep.equal([null, null]);
    expect(pool.all).to.deep.equal([0, 1]);
    const host = await until('it is ready', WITHIN_MS, () => pool.isolation());
    expect([host, pool.ready, pool.running, pool.all]).to.deep.equal([1, [0], [0, 1], [0, 1]]);
  });

  it('ends when it was told to: told as such, once; the next one that is asked for is another', async () => {
    await using world = await new PoolWorld().started();
    const { pool } = world;
    pool.endIsolation();
    pool.isolation();
    await world.untilReady(1);
    pool.endIsolation();
    // It is there no more for whoever asks, though it has not ended yet.
    expect(pool.isolation()).to.equal(null);
    await world.untilDead(1);
    expect(world.deaths[0]).to.include({ host: 1, role: 'isolation', wasReady: true, wasTold: true });
    await until('its port is closed', WITHIN_MS, () => world.closedPorts.includes('1 0'));
    await world.untilReady(2);
    expect([pool.isolation(), pool.all]).to.deep.equal([2, [0, 2]]);
    expect(world.deaths).to.have.length(1);
  });

  it('one that dies of its shard is told with its role', async () => {
    await using world = await new PoolWorld().started();
    world.pool.isolation();
    await world.untilReady(1);
    world.die(1, 'exit');
    await world.untilDead(1);
    expect(world.deaths[0]).to.include({ host: 1, role: 'isolation', wasReady: true, wasTold: false });
    expect(world.pool.isolation()).to.equal(null);
    await world.untilReady(2);
  });
});

describe('pool of fetch threads, receivers', () => {
  it('every thread has a port to each receiver, also those that start later', async () => {
    await using world = new PoolWorld({ threads: 2 });
    world.receivers = [0, 4];
    await world.started();
    await until('all are greeted', WITHIN_MS, () => world.greetings.length === 4);
    expect(world.greetings.toSorted()).to.deep.equal(['0 0', '0 4', '1 0', '1 4']);
    world.receivers = [4];
    world.pool.replace();
    await until('the new one greets', WITHIN_MS, () => world.greetings.length === 5);
    expect(world.greetings.at(-1)).to.equal('2 4');
  });

  it('a new one is greeted by every thread, also by those that are just starting, but not by one that was told to end', async () => {
    await using world = await new PoolWorld().started();
    const { pool } = world;
    pool.isolation();
    await world.untilReady(1);
    pool.replace();
    pool.endIsolation();
    world.greetings.length = 0;
    pool.connect(5);
    await until(
      'it is greeted',
      WITHIN_MS,
      () => world.greetings.filter((each) => each.endsWith('5')).length === 2,
    );
    await world.untilDead(1);
    expect(world.greetings.filter((each) => each.endsWith('5')).toSorted()).to.deep.equal(['0 5', '2 5']);
    expect(world.givenPorts.filter((each) => each.endsWith('5')).toSorted()).to.deep.equal(['0 5', '2 5']);
  });
});

describe('pool of fetch threads, its end', () => {
  it('waits no longer than threads that were told to end need', async () => {
    const world = await new PoolWorld({ threads: 2 }).started();
    world.pool.broadcast({ type: 'end' });
    await within('the end', WITHIN_MS, world.pool.destroy(2 * WITHIN_MS));
    expect(world.deaths).to.deep.equal([]);
    await world[Symbol.asyncDispose]();
  });

  it('a hung thread is taken down after its grace, and its death is told to nobody', async () => {
    const world = await new PoolWorld({ threads: 2 }).started();
    world.die(0, 'loop');
    world.pool.broadcast({ type: 'end' });
    const begun = performance.now();
    await within('the end', WITHIN_MS, world.pool.destroy(GRACE_MS));
    expect(performance.now() - begun).to.be.at.least(GRACE_MS - 1);
    await until('every thread is gone', WITHIN_MS, () => world.alive === 0);
    expect(world.deaths).to.deep.equal([]);
    // Nothing starts any more.
    world.pool.replace();
    world.pool.isolation();
    expect(world.pool.all).to.deep.equal([]);
    await world[Symbol.asyncDispose]();
  });
});
