// The proxy in front of a store does to a line what its faults say.

import { expect } from 'chai';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FleetProxy, startFleetProxy } from '../support/fleet-proxy.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 5_000;

describe('the line between an instance and its store', () => {
  /** Answers each text with the same text. */
  let server: Server;
  let arrived = '';
  let proxy: FleetProxy;
  const clients: Socket[] = [];

  const client = () => {
    const socket = connect(proxy.port, proxy.host);
    const seen = { text: '', isOver: false, socket };
    socket.setEncoding('utf8').on('data', (text: string) => (seen.text += text));
    socket.on('error', () => undefined).on('close', () => (seen.isOver = true));
    clients.push(socket);
    return seen;
  };

  beforeEach(async () => {
    arrived = '';
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (text: string) => {
        arrived += text;
        socket.write(text);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startFleetProxy('127.0.0.1', (server.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    await proxy[Symbol.asyncDispose]();
    await new Promise((resolve) => server.close(resolve));
  });

  const connected = async () => {
    const seen = client();
    seen.socket.write('a');
    await until('the line stands', WITHIN_MS, () => seen.text === 'a');
    return seen;
  };

  it('cut: connections are reset, new ones too, until it is well', async () => {
    const before = await connected();
    proxy.fail('cut');
    await until('the connection is over', WITHIN_MS, () => before.isOver);
    const during = client();
    await until('the new one is over too', WITHIN_MS, () => during.isOver);
    expect(during.text).to.equal('');
    proxy.heal();
    await connected();
  });

  it('stalled: what was sent arrives late, on old connections and on new ones', async () => {
    const before = await connected();
    proxy.fail('stall');
    const during = client();
    before.socket.write('b');
    during.socket.write('c');
    await sleep(100);
    expect(arrived).to.equal('a');
    expect([before.isOver, during.isOver]).to.deep.equal([false, false]);
    proxy.heal();
    await until('both are answered', WITHIN_MS, () => before.text === 'ab' && during.text === 'c');
  });

  it('half-open: requests are carried out, replies are lost, and the connection ends with the fault', async () => {
    const before = await connected();
    proxy.fail('half-open');
    before.socket.write('b');
    await until('the request arrived', WITHIN_MS, () => arrived === 'ab');
    await sleep(50);
    expect(before.text).to.equal('a');
    expect(before.isOver).to.equal(false);
    proxy.heal();
    await until('the connection is over', WITHIN_MS, () => before.isOver);
    expect(before.text).to.equal('a');
  });
});
