// Wrong modules, streams, endpoints and credentials: what `run` rejects with, how soon, and that nothing is left behind.

import { createServer, type Server as HttpServer } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { expect } from 'chai';
import { Consumer } from '../../src/index.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { runProgram } from '../support/program.ts';
import { threadsAlive } from '../support/threads-alive.ts';
import { rejection, until, within } from '../support/until.ts';
import {
  awsCases,
  broken,
  type Case,
  CHECKPOINTER_CASES,
  HANDLER_CASES,
  type Places,
  PROCESSOR_CASES,
} from './broken/cases.ts';

const PROMPTLY_MS = 8_000;
const REFUSED_KEY = 'refused';
const STREAM = 'orders';
const nothing = () => undefined;

describe('wrong input', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  let places: Places;
  let endless: ReturnType<typeof startsWithoutEnd>;
  const servers: (TcpServer | HttpServer)[] = [];
  const sockets = new Set<Socket>();

  const listen = async (each: TcpServer | HttpServer): Promise<string> => {
    servers.push(each);
    each.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(each.address() as AddressInfo).port}`;
  };

  before(async () => {
    server = await simulatedServer({ refuseAccessKeys: [REFUSED_KEY] });
    for (const stream of [STREAM, 'unlisted', 'unread']) await server.createStream(stream, 1);
    const error = 'AccessDeniedException';
    await server.simulator.inject({ stream: 'unlisted', operation: 'ListShards', error });
    await server.simulator.inject({ stream: 'unread', operation: 'GetRecords', error });
    const gone = createTcpServer(nothing);
    places = {
      refusedKey: REFUSED_KEY,
      silent: await listen(createTcpServer(nothing)),
      page: await listen(createServer((_, response) => response.end('<html>not Kinesis</html>'))),
      failing: await listen(createServer((_, response) => response.writeHead(500).end('{}'))),
      closed: await listen(gone),
    };
    await new Promise((resolve) => gone.close(resolve));
    endless = startsWithoutEnd();
  });
  after(async () => {
    await Promise.all(endless.map(({ consumer }) => consumer.stop()));
    for (const socket of sockets) socket.destroy();
    for (const each of servers) each.close();
    await server[Symbol.asyncDispose]();
  });

  /** They take their time until they say something, and the other tests run meanwhile. */
  function startsWithoutEnd() {
    const module = (name: string) => ({ module: broken(name) });
    return [
      { handler: broken('never'), waitsFor: `the import of the handler module ${broken('never').href}` },
      { handler: broken('never-set-up'), waitsFor: 'the `setup` of the handler' },
      {
        handler: broken('standing-still'),
        options: { handlerThreads: 1 },
        waitsFor: `the handler threads, which import ${broken('standing-still').href} and run its \`setup\``,
      },
      { options: { processor: module('never') }, waitsFor: 'the processor' },
      {
        options: { checkpointer: module('never') },
        waitsFor: 'the stream, the checkpointer or the fetch threads',
      },
    ].map(({ handler = nothing, options = {}, waitsFor }) => {
      const lines: string[] = [];
      const log = (_: unknown, line: string) => lines.push(line);
      const logger = { debug: nothing, info: nothing, warn: log, error: log };
      const consumer = new Consumer({ ...addressOf(server), stream: STREAM, logger, ...options });
      return { consumer, lines, waitsFor, running: consumer.run(handler) };
    });
  }

  /** run() rejects with that error in time, `ready` and `error` tell the same, and no thread is left. */
  async function expectFailure(each: Case, handlerThreads: number): Promise<number> {
    const threadsBefore = threadsAlive();
    const consumer = new Consumer({
      ...addressOf(server),
      stream: STREAM,
      handlerThreads,
      ...each.options,
    });
    const events: string[] = [];
    consumer.on('error', () => events.push('error'));
    consumer.on('stopped', () => events.push('stopped'));
    const startedAt = performance.now();
    const ready = consumer.ready({ timeoutMs: PROMPTLY_MS }).catch((reason: unknown) => reason);
    let error: Error;
    try {
      const audited = new URL('./handlers/audited.js', import.meta.url);
      const handler = each.handler ?? (handlerThreads > 0 ? audited : nothing);
      error = await rejection('the failure of run()', PROMPTLY_MS, consumer.run(handler));
    } finally {
      await consumer.stop();
    }
    const tookMs = performance.now() - startedAt;
    expectError(error, each);
    await until('all threads are gone', 5_000, () => threadsAlive() <= threadsBefore);
    expect(events).to.deep.equal(['error', 'stopped']);
    // A stream that may be listed and not be read is found out by the first read.
    if (each.options?.stream !== 'unread') expect(await ready).to.equal(error);
    return tookMs;
  }

  function expectError(error: Error, { code, message, cause, handler, options }: Case): void {
    expect(error).to.have.property('code', code);
    const spec = options?.processor ?? options?.checkpointer;
    const module =
      handler ?? (typeof spec === 'object' && 'module' in spec ? (spec.module as URL) : undefined);
    const { href = '', pathname = '' } = module ?? {};
    const folder = pathname.slice(0, pathname.lastIndexOf('/'));
    const plain = error.message
      .replaceAll(href || '\0', 'URL')
      .replaceAll(pathname || '\0', 'PATH')
      .replaceAll(folder || '\0', 'FOLDER');
    if (typeof message === 'string') expect(plain).to.equal(message);
    else expect(plain).to.match(message);
    if (cause === undefined) return;
    const { name, code: itsCode, message: text } = error.cause as Error & { code?: string };
    expect(`${itsCode ?? name}: ${text}`).to.match(cause);
  }

  for (const { title: place, options } of PLACEMENTS) {
    describe(place, () => {
      const { handlerThreads } = options;
      const aws = awsCases({
        refusedKey: REFUSED_KEY,
        closed: 'http://x',
        silent: '',
        page: '',
        failing: '',
      });
      const groups: readonly (readonly [readonly Case[], () => readonly Case[]])[] = [
        ...[HANDLER_CASES, PROCESSOR_CASES, CHECKPOINTER_CASES].map((cases) => [cases, () => cases] as const),
        [aws, () => awsCases(places)],
      ];
      for (const [cases, made] of groups) {
        cases.forEach(({ title, code, onlyInMain = false }, index) => {
          if (onlyInMain && handlerThreads > 0) return;
          it(`${title}: ${code}`, async function () {
            const tookMs = await expectFailure(made()[index]!, handlerThreads);
            this.test!.title += ` (${Math.round(tookMs)} ms)`;
          });
        });
      }
    });
  }

  for (const [what, handler, shown] of [
    ['a function', nothing, 'a function'],
    ['nothing', undefined, 'undefined'],
    ['a relative path', './handler.js', "'./handler.js'"],
  ] as const) {
    it(`${what} as handler of handler threads: ERR_INVALID_HANDLER, and nothing was started`, async () => {
      const consumer = new Consumer({ ...addressOf(server), stream: STREAM, handlerThreads: 1 });
      const running = consumer.run(handler as unknown as URL);
      expect(await rejection('run()', PROMPTLY_MS, running)).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected the handler to be the URL or absolute path of a module, because \`handlerThreads\` is 1, got \`${shown}\``,
      });
      await consumer.stop();
    });
  }

  for (const { options, title } of PLACEMENTS) {
    it(`a stop does not wait for an endpoint that never answers, ${title}`, async () => {
      const consumer = new Consumer({
        ...addressOf(server),
        stream: STREAM,
        endpoint: places.silent,
        ...options,
      });
      const running = consumer.run(new URL('./handlers/audited.js', import.meta.url));
      const connections = sockets.size;
      await until('it has connected', PROMPTLY_MS, () => sockets.size > connections);
      await within('the stop', 3_000, consumer.stop());
      await running;
    });
  }

  for (const { title, code, options } of [
    { title: 'a missing stream', code: 'ERR_STREAM_NOT_FOUND', options: () => ({ stream: 'missing' }) },
    { title: 'a refused connection', code: 'ERR_CONNECTION', options: () => ({ endpoint: places.closed }) },
  ]) {
    for (const { options: where, title: place } of PLACEMENTS) {
      it(`a process ends by itself after ${title}, ${place}`, async () => {
        const end = await runProgram(
          'failing-run',
          { ...addressOf(server), stream: STREAM, ...where, ...options() },
          10_000,
        );
        expect(end.lines).to.deep.equal([{ rejected: code }]);
        expect(end.code).to.equal(0);
        expect(end.stderr).to.equal('');
        expect(end.lingeredMs).to.be.below(2_000);
      });
    }
  }

  describe('at last', () => {
    it('a start that never ends says what it waits for, and a stop ends it', async () => {
      for (const { lines, waitsFor } of endless) {
        await until(`it said that it waits for ${waitsFor}`, PROMPTLY_MS, () => lines.length > 0);
        expect(lines[0]).to.equal(`The consumer has not started for 5 s: it waits for ${waitsFor}`);
      }
      const alive = threadsAlive();
      await within('the stops', 5_000, Promise.all(endless.map(({ consumer }) => consumer.stop())));
      await Promise.all(endless.map(({ running }) => running));
      await until('the thread that stood still is gone', 5_000, () => threadsAlive() < alive);
    });
  });
});
