// The receivers: the number of a dead one is taken again only when no fetch thread can send to it any more.

import { expect } from 'chai';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createReceivers, type ReceiverLink, type Receivers } from '../../src/coordinator/receivers.ts';
import type { RawPort } from '../../src/model/port.ts';
import { portOf as rawPortOf } from '../../src/platform/port.ts';
import type { CoordinatorToReceiver, ReceiverToCoordinator } from '../../src/protocol.ts';
import { createFakePort, type FakePort, FakeRawPort } from '../fakes/ports.ts';
import { until } from '../support/until.ts';

type Link = FakePort<CoordinatorToReceiver, ReceiverToCoordinator>;

const link = (): Link => createFakePort();
const portOf = ({ port }: Link): ReceiverLink => port;

class World {
  hosts: number[] = [0, 1];
  /** What happened, in order. */
  readonly log: string[] = [];
  readonly messages: [receiver: number, type: string][] = [];
  readonly receivers: Receivers = createReceivers({
    hosts: () => this.hosts,
    release: (host, receiver) => this.log.push(`release ${receiver} from ${host}`),
    onMessage: (receiver, { type }) => this.messages.push([receiver, type]),
    onGone: (receiver) => this.log.push(`gone ${receiver}`),
    onReleased: (receiver) => this.log.push(`released ${receiver}`),
    onJoined: (receiver) => this.log.push(`joined ${receiver}`),
  });

  join(receiver: number): Link {
    const joined = link();
    this.receivers.join(receiver, portOf(joined));
    return joined;
  }
}

describe('receivers', () => {
  it('posts to one, to all, and passes on what they say with their number', () => {
    const world = new World();
    const [zero, one] = [world.join(0), world.join(1)];
    expect(world.receivers.ready).to.deep.equal([0, 1]);
    world.receivers.post(1, { type: 'hostGone', host: 3 });
    world.receivers.broadcast({ type: 'drain' });
    world.receivers.post(7, { type: 'drain' });
    expect(zero.far.sent.map(({ type }) => type)).to.deep.equal(['drain']);
    expect(one.far.sent.map(({ type }) => type)).to.deep.equal(['hostGone', 'drain']);
    one.far.deliver({ type: 'drained', late: 0 });
    expect(world.messages).to.deep.equal([[1, 'drained']]);
  });

  it('a dead one is not ready any more when its death is told; then every fetch thread is asked to let go', () => {
    const world = new World();
    const dead = world.join(0);
    world.join(1);
    dead.far.closeFromAfar();
    expect(world.receivers.ready).to.deep.equal([1]);
    // What is revoked at its death is not read any more when the thread lets go.
    expect(world.log.slice(2)).to.deep.equal(['gone 0', 'release 0 from 0', 'release 0 from 1']);
    world.receivers.post(0, { type: 'drain' });
    expect(dead.far.sent).to.deep.equal([]);
  });

  it('whoever waits for the end of one goes on when it is dead, at once where there is none', async () => {
    const world = new World();
    const dying = world.join(0);
    let gone = false;
    const waiting = world.receivers.whenGone(0).then(() => {
      gone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(gone).to.equal(false);
    dying.far.closeFromAfar();
    await waiting;
    await world.receivers.whenGone(0);
    await world.receivers.whenGone(9);
  });

  it('the next one with its number joins only after every thread has let go and the rest was repaid', () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    const next = world.join(0);
    expect(world.receivers.ready).to.deep.equal([]);
    world.receivers.released(0, 0);
    world.receivers.released(0, 0);
    expect(world.log).to.not.include('released 0');
    world.receivers.released(1, 0);
    expect(world.log.slice(-2)).to.deep.equal(['released 0', 'joined 0']);
    world.receivers.broadcast({ type: 'drain' });
    expect(next.far.sent).to.have.length(1);
  });

  it('a fetch thread that dies meanwhile counts as having let go', () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    world.join(0);
    world.receivers.released(0, 0);
    world.hosts = [0];
    world.receivers.hostGone(1);
    expect(world.log.slice(-2)).to.deep.equal(['released 0', 'joined 0']);
  });

  it('without a fetch thread the number is free at once', () => {
    const world = new World();
    world.hosts = [];
    world.join(0).far.closeFromAfar();
    expect(world.log.slice(-2)).to.deep.equal(['gone 0', 'released 0']);
    world.join(0);
    expect(world.log.at(-1)).to.equal('joined 0');
  });

  it('a fetch thread that started after the death is not waited for: it never knew of it', () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    world.hosts = [0, 1, 2];
    world.receivers.released(0, 0);
    world.receivers.released(1, 0);
    expect(world.log.at(-1)).to.equal('released 0');
  });

  it('one that joins before the death of its predecessor is seen waits for it: two ports, in any order', () => {
    const world = new World();
    const old = world.join(0);
    const next = world.join(0);
    world.receivers.broadcast({ type: 'drain' });
    expect([old.far.sent.length, next.far.sent.length]).to.deep.equal([1, 0]);
    old.far.closeFromAfar();
    for (const host of [0, 1]) world.receivers.released(host, 0);
    expect(world.log.filter((each) => each === 'joined 0')).to.have.length(2);
    world.receivers.broadcast({ type: 'drain' });
    expect(next.far.sent).to.have.length(1);
  });

  it('one that dies while it waits for its number does not join, and the next that waits does', () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    world.join(0).far.closeFromAfar();
    const living = world.join(0);
    for (const host of [0, 1]) world.receivers.released(host, 0);
    expect(world.log.filter((each) => each === 'joined 0')).to.have.length(2);
    world.receivers.broadcast({ type: 'drain' });
    expect(living.far.sent).to.have.length(1);
  });

  it('the death of one that waits and is replaced there says nothing about who waits now', () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    const replaced = world.join(0);
    world.join(0);
    replaced.far.closeFromAfar();
    for (const host of [0, 1]) world.receivers.released(host, 0);
    expect(world.receivers.ready).to.deep.equal([0]);
  });

  it('a real thread that ends while it waits for its number is not taken for a live one: its port tells it once', async () => {
    const world = new World();
    world.join(0).far.closeFromAfar();
    const { port1, port2 } = new MessageChannel();
    let closed = false;
    port2.on('close', () => (closed = true));
    const source = `require('node:worker_threads').parentPort.once('message', (port) => {
      port.on('message', () => {});
      setImmediate(() => process.exit(1));
    });`;
    const worker = new Worker(source, { eval: true });
    worker.postMessage(port1, [port1]);
    world.receivers.join(0, rawPortOf(port2 as unknown as RawPort));
    await until('its port is closed', 10_000, () => closed);
    for (const host of [0, 1]) world.receivers.released(host, 0);
    expect(world.receivers.ready).to.deep.equal([]);
    expect(world.log.filter((each) => each === 'joined 0')).to.have.length(1);
  });

  it('the deaths of two are told apart', () => {
    const world = new World();
    const [zero, one] = [world.join(0), world.join(1)];
    zero.far.closeFromAfar();
    one.far.closeFromAfar();
    for (const host of [0, 1]) world.receivers.released(host, 1);
    expect(world.log.filter((each) => each.startsWith('released'))).to.deep.equal(['released 1']);
    world.receivers.hostGone(0);
    world.receivers.hostGone(1);
    expect(world.log.filter((each) => each.startsWith('released'))).to.deep.equal([
      'released 1',
      'released 0',
    ]);
  });

  it('the port of a data port goes along with the message that names it', () => {
    const world = new World();
    const { far } = world.join(0);
    const transfers: unknown[] = [];
    const { postMessage } = far;
    far.postMessage = (message, transfer) => {
      transfers.push(transfer);
      postMessage.call(far, message, transfer);
    };
    const port = new FakeRawPort();
    world.receivers.post(0, { type: 'host', host: 1, port });
    world.receivers.post(0, { type: 'drain' });
    expect(transfers).to.deep.equal([[port], undefined]);
  });
});
