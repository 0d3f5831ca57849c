import { createServer, type Server as HttpServer } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { expect } from 'chai';
import { Consumer, type ConsumerOptions, type ErrorCode, type HandlerFunction } from '../../src/index.ts';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { PLACEMENTS } from '../support/placements.ts';
import { runProgram } from '../support/program.ts';
import { threadsAlive } from '../support/threads-alive.ts';
import { rejection, until, within } from '../support/until.ts';

const PROMPTLY_MS = 8_000;
/** For an endpoint that accepts connections and says nothing. */
const SILENT_MS = 15_000;
const REFUSED_KEY = 'refused';
const STREAM = 'orders';

const broken = (name: string) => new URL(`./broken/${name}.js`, import.meta.url);
const nothing = () => undefined;

interface Case {
  readonly title: string;
  readonly code: ErrorCode | 'ERR_DATABASE';
  readonly options?: Partial<ConsumerOptions>;
  readonly handler?: URL | HandlerFunction;
  readonly message?: RegExp;
  readonly withinMs?: number;
}

describe('wrong input', function () {
  this.timeout(60_000);
  let server: SimulatedServer;
  const servers: (TcpServer | HttpServer)[] = [];
  const sockets = new Set<Socket>();
  let silent = '';
  let rubbish = '';
  let failing = '';
  let closed = '';

  const listen = async (each: TcpServer | HttpServer): Promise<string> => {
    servers.push(each);
    each.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(each.address() as AddressInfo).port}`;
  };

  before(async () => {
    server = await simulatedServer({ refuseAccessKeys: [REFUSED_KEY] });
    await server.createStream(STREAM, 1);
    silent = await listen(createTcpServer(nothing));
    rubbish = await listen(createServer((_, response) => response.end('<html>not Kinesis</html>')));
    failing = await listen(createServer((_, response) => response.writeHead(500).end('{}')));
    const gone = createTcpServer(nothing);
    closed = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const each of servers) each.close();
    await server[Symbol.asyncDispose]();
  });

  /** run() rejects with that code in time, `ready` and `error` tell the same, and no thread is left. */
  async function expectFailure(each: Case, handlerThreads: number): Promise<number> {
    const { options = {}, handler = nothing, code, message = /./, withinMs = PROMPTLY_MS } = each;
    const threadsBefore = threadsAlive();
    const consumer = new Consumer({ ...addressOf(server), stream: STREAM, handlerThreads, ...options });
    const events: string[] = [];
    consumer.on('error', () => events.push('error'));
    consumer.on('stopped', () => events.push('stopped'));
    const startedAt = performance.now();
    const ready = consumer.ready({ timeoutMs: withinMs }).catch((reason: unknown) => reason);
    let error: Error;
    try {
      error = await rejection('the failure of run()', withinMs, consumer.run(handler));
    } finally {
      await consumer.stop();
    }
    const tookMs = performance.now() - startedAt;
    expect(error).to.have.property('code', code);
    expect(error.message).to.match(message);
    await until('all threads are gone', 5_000, () => threadsAlive() <= threadsBefore);
    // What is refused before anything was started leaves the consumer as it was.
    const started = code !== 'ERR_INVALID_HANDLER' || (handlerThreads > 0 && handler instanceof URL);
    if (started) {
      expect(events).to.deep.equal(['error', 'stopped']);
      expect(await ready).to.equal(error);
    }
    return tookMs;
  }

  const everywhere: readonly (() => Case)[] = [
    () => ({
      title: 'a missing stream',
      code: 'ERR_STREAM_NOT_FOUND',
      options: { stream: 'missing' },
      message: /missing/,
    }),
    () => ({
      title: 'a missing stream, nothing described',
      code: 'ERR_STREAM_NOT_FOUND',
      options: { stream: 'missing', describe: 'skip' },
    }),
    () => ({
      title: 'refused credentials',
      code: 'ERR_ACCESS_DENIED',
      options: { credentials: { accessKeyId: REFUSED_KEY, secretAccessKey: 'x' } },
    }),
    () => ({
      title: 'a credentials provider that throws',
      code: 'ERR_CREDENTIALS',
      options: {
        credentials: () => {
          throw new Error('no vault');
        },
      },
      message: /no vault/,
    }),
    () => ({
      title: 'a credentials provider that rejects',
      code: 'ERR_CREDENTIALS',
      options: { credentials: () => Promise.reject(new Error('no vault')) },
      message: /no vault/,
    }),
    () => ({
      title: 'a credentials provider that gives rubbish',
      code: 'ERR_CREDENTIALS',
      options: {
        credentials: (() => Promise.resolve('key')) as unknown as NonNullable<ConsumerOptions['credentials']>,
      },
    }),
    () => ({
      title: 'an endpoint that refuses connections',
      code: 'ERR_CONNECTION',
      options: { endpoint: closed },
    }),
    () => ({
      title: 'an endpoint that accepts and never answers',
      code: 'ERR_CONNECTION',
      options: { endpoint: silent },
      withinMs: SILENT_MS,
    }),
    () => ({
      title: 'an endpoint that answers rubbish',
      code: 'ERR_CONNECTION',
      options: { endpoint: rubbish },
    }),
    () => ({
      title: 'an endpoint that always answers 500',
      code: 'ERR_CONNECTION',
      options: { endpoint: failing },
    }),
    () => ({
      title: 'a missing handler module',
      code: 'ERR_INVALID_HANDLER',
      handler: broken('missing'),
      message: /missing/,
    }),
    () => ({
      title: 'a handler module without default export',
      code: 'ERR_INVALID_HANDLER',
      handler: broken('no-default'),
    }),
    () => ({
      title: 'a handler module that exports no handler',
      code: 'ERR_INVALID_HANDLER',
      handler: broken('not-a-handler'),
    }),
    () => ({
      title: 'a handler module that throws on import',
      code: 'ERR_INVALID_HANDLER',
      handler: broken('throws'),
      message: /thrown on import/,
    }),
    () => ({
      title: 'a handler whose setup throws',
      code: 'ERR_DATABASE',
      handler: broken('failing-setup'),
      message: /no database/,
    }),
    () => ({
      title: 'a missing processor module',
      code: 'ERR_INVALID_PROCESSOR',
      options: { processor: { module: broken('missing') } },
    }),
    () => ({
      title: 'a processor module without methods',
      code: 'ERR_INVALID_PROCESSOR',
      options: { processor: { module: broken('not-a-handler') } },
    }),
    () => ({
      title: 'a processor module that throws on import',
      code: 'ERR_INVALID_PROCESSOR',
      options: { processor: { module: broken('throws') } },
    }),
    () => ({
      title: 'a missing checkpointer module',
      code: 'ERR_INVALID_OPTION',
      options: { checkpointer: { module: broken('missing') } },
    }),
    () => ({
      title: 'a checkpointer module that makes no store',
      code: 'ERR_INVALID_OPTION',
      options: { checkpointer: { module: broken('not-a-handler') } },
    }),
  ];

  for (const placement of PLACEMENTS) {
    describe(placement.title, () => {
      for (const make of everywhere) {
        const { title, code, withinMs = PROMPTLY_MS } = make();
        // It takes its time, and where the handler runs makes no difference to it.
        if (withinMs === SILENT_MS && placement.options.handlerThreads > 0) continue;
        it(`${title}: ${code} within ${withinMs / 1000} s`, async function () {
          const each = make();
          const { handlerThreads } = placement.options;
          const module = handlerThreads > 0 && each.handler === undefined;
          const handler = module ? new URL('./handlers/audited.js', import.meta.url) : each.handler;
          const tookMs = await expectFailure({ ...each, ...(handler && { handler }) }, handlerThreads);
          this.test!.title += ` (${Math.round(tookMs)} ms)`;
        });
      }
    });
  }

  for (const { options, title } of PLACEMENTS) {
    it(`a stop does not wait for an endpoint that never answers, ${title}`, async () => {
      const consumer = new Consumer({ ...addressOf(server), stream: STREAM, endpoint: silent, ...options });
      const running = consumer.run(new URL('./handlers/audited.js', import.meta.url));
      const connections = sockets.size;
      await until('it has connected', PROMPTLY_MS, () => sockets.size > connections);
      await within('the stop', 3_000, consumer.stop());
      await running;
    });
  }

  it('a function as handler of handler threads: ERR_INVALID_HANDLER', async () => {
    await expectFailure({ title: '', code: 'ERR_INVALID_HANDLER' }, 1);
  });

  for (const { title, code, options } of [
    { title: 'a missing stream', code: 'ERR_STREAM_NOT_FOUND', options: () => ({ stream: 'missing' }) },
    { title: 'a refused connection', code: 'ERR_CONNECTION', options: () => ({ endpoint: closed }) },
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
});
