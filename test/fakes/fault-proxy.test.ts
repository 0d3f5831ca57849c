// The proxy does what its faults say, to a plain client.

import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import {
  CONNECTION_FAULTS,
  type ConnectionFault,
  type FaultProxy,
  REPLY_FAULTS,
  type ReplyFault,
  startFaultProxy,
} from './fault-proxy.ts';

const BODY = JSON.stringify({ Records: Array.from({ length: 20 }, (_, n) => n) });
const PATIENCE_MS = 150;

interface Outcome {
  /** 'ok', 'silent', or the code of the error. */
  readonly end: string;
  readonly status: number | null;
  readonly body: string;
}

describe('fault proxy', () => {
  let upstream: Server;
  let proxy: FaultProxy;
  let agent: Agent;

  beforeEach(async () => {
    upstream = createServer((request, response) => {
      request.resume().on('end', () => response.end(BODY));
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    proxy = await startFaultProxy(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    agent.destroy();
    await proxy[Symbol.asyncDispose]();
    await new Promise((resolve) => {
      upstream.close(resolve);
      upstream.closeAllConnections();
    });
  });

  const call = (operation = 'GetRecords') =>
    new Promise<Outcome>((resolve) => {
      let status: number | null = null;
      let body = '';
      const end = (how: string) => {
        clearTimeout(timer);
        resolve({ end: how, status, body });
      };
      const request = httpRequest(
        proxy.endpoint,
        { method: 'POST', agent, headers: { 'x-amz-target': `Kinesis_20131202.${operation}` } },
        (response) => {
          status = response.statusCode ?? 0;
          response.setEncoding('utf8').on('data', (text: string) => (body += text));
          response.on('end', () => end('ok'));
          response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
        },
      );
      const timer = setTimeout(() => {
        end('silent');
        request.destroy();
      }, PATIENCE_MS);
      request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      request.end('{}');
    });

  const OK: Outcome = { end: 'ok', status: 200, body: BODY };
  const HALF = BODY.slice(0, Math.floor(BODY.length / 2));

  it('passes everything on over kept connections, and counts', async () => {
    for (const operation of ['A', 'B', 'C']) expect(await call(operation)).to.deep.equal(OK);
    expect(proxy.requests.map(({ operation }) => operation)).to.deep.equal(['A', 'B', 'C']);
    expect(proxy.connections).to.deep.equal({ made: 1, open: 1 });
  });

  const expected: Record<ReplyFault, Outcome> = {
    latency: { end: 'silent', status: null, body: '' },
    'stall-headers': { end: 'silent', status: null, body: '' },
    'stall-body': { end: 'silent', status: 200, body: HALF },
    trickle: { end: 'silent', status: 200, body: '' },
    'reset-before-reply': { end: 'ECONNRESET', status: null, body: '' },
    'reset-headers': { end: 'ECONNRESET', status: null, body: '' },
    'reset-body': { end: 'ECONNRESET', status: 200, body: HALF },
    'truncated-body': { end: 'ECONNRESET', status: 200, body: HALF },
    'cut-json': { end: 'ok', status: 200, body: HALF },
    'half-close': { end: 'ECONNRESET', status: null, body: '' },
    'close-idle': OK,
    'html-503': { end: 'ok', status: 503, body: '<html><body>Bad gateway</body></html>' },
    'html-200': { end: 'ok', status: 200, body: '<html><body>Bad gateway</body></html>' },
    garbage: { end: 'HPE_INVALID_CONSTANT', status: null, body: '' },
  };
  for (const fault of REPLY_FAULTS) {
    it(`${fault}: of the operation named, until it heals`, async () => {
      proxy.fail({ fault, operation: 'GetRecords', latencyMs: 2 * PATIENCE_MS });
      expect(await call('ListShards')).to.deep.equal(OK);
      const outcome = await call();
      if (fault === 'trickle') {
        expect(BODY.startsWith(outcome.body)).to.equal(true);
        expect(outcome.body.length).to.be.within(1, HALF.length);
        expect(outcome.end).to.equal('silent');
      } else expect(outcome).to.deep.equal(expected[fault]);
      if (fault === 'close-idle') await new Promise((resolve) => setTimeout(resolve, 20));
      await proxy.heal();
      expect(await call()).to.deep.equal(OK);
      expect(proxy.requests.map(({ isHit }) => isHit)).to.deep.equal([false, true, false]);
    });
  }

  const ends: Record<ConnectionFault, string> = {
    refuse: 'ECONNREFUSED',
    'reset-connect': 'ECONNRESET',
    'accept-silent': 'silent',
  };
  for (const fault of CONNECTION_FAULTS) {
    it(`${fault}: also where a connection stood, until it heals`, async () => {
      expect(await call()).to.deep.equal(OK);
      await proxy.failConnections(fault);
      // The kept connection was reset, which the client may learn only now.
      const outcomes = [await call(), await call()];
      expect(outcomes[1]!.end).to.equal(ends[fault]);
      await proxy.heal();
      expect(await call()).to.deep.equal(OK);
    });
  }

  it('answers in place of the server where a request looks like that', async () => {
    proxy.fail({ fault: { status: 400, body: '{"__type":"X"}' }, when: ({ body }) => String(body) === '{}' });
    expect(await call()).to.deep.equal({ end: 'ok', status: 400, body: '{"__type":"X"}' });
  });
});
