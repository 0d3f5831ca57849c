// A proxy between a client and an HTTP/1.1 server on loopback, that does to connections and replies what networks do. It
// knows of AWS no more than the header that names the operation.

import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Node 20 spins for ever at its exit after the reset of a socket that was ended. */
const reset = (socket: Socket): void => {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
};

/** What happens to every connection, whatever it is for. Those that are open when the fault begins are reset. */
export const CONNECTION_FAULTS = [
  /** Nobody listens. */
  'refuse',
  /** Reset as soon as it stands. */
  'reset-connect',
  /** Accepted, and then nothing. */
  'accept-silent',
] as const;

/** What happens to a request that was read to its end. */
export const REPLY_FAULTS = [
  /** The answer comes after `latencyMs`. */
  'latency',
  'stall-headers',
  'stall-body',
  /** The body comes byte by byte, and so slowly that it does not end. */
  'trickle',
  'reset-before-reply',
  'reset-headers',
  'reset-body',
  /** The body ends early, as does the connection. */
  'truncated-body',
  /** The body is as long as the header says, and half of what it should be. */
  'cut-json',
  /** The proxy says that it will send no more, and goes on listening. */
  'half-close',
  /** Answered, and then closed without notice: the next request on that connection meets a reset. */
  'close-idle',
  'html-503',
  'html-200',
  'garbage',
] as const;

export type ConnectionFault = (typeof CONNECTION_FAULTS)[number];
export type ReplyFault = (typeof REPLY_FAULTS)[number];

export interface ProxiedRequest {
  /** `performance.now()`. */
  readonly at: number;
  /** As in `x-amz-target`, without its prefix; '' where there is none. */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Number of the connection. */
  readonly connection: number;
}

export interface CannedReply {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

export interface ReplyRule {
  /** Instead of a fault of the wire, an answer that the server never gave. */
  readonly fault: ReplyFault | CannedReply;
  /** Default: every operation. */
  readonly operation?: string;
  /** Default: every request. */
  readonly when?: (request: ProxiedRequest) => boolean;
  /** Default 500. */
  readonly latencyMs?: number;
}

export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** All that were read to their end, whatever came of them. */
  readonly requests: readonly (ProxiedRequest & { readonly isHit: boolean })[];
  /** Those that a connection fault hit count too, except the refused ones, of which nobody knows. */
  readonly connections: { readonly made: number; readonly open: number };
  fail(rule: ReplyRule): void;
  failConnections(fault: ConnectionFault): Promise<void>;
  /** From now on everything goes through; what is stuck stays stuck, as in life. */
  heal(): Promise<void>;
}

const TRICKLE_EVERY_MS = 30;

export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const { hostname, port: upstreamPort } = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const requests: (ProxiedRequest & { isHit: boolean })[] = [];
  let rules: ReplyRule[] = [];
  let connectionFault: ConnectionFault | null = null;
  let made = 0;

  const forward = ({ headers, body }: ProxiedRequest) =>
    new Promise<{ head: string; body: Buffer }>((resolve, reject) => {
      const options = { host: hostname, port: upstreamPort, method: 'POST', path: '/', headers, agent };
      const onward = httpRequest(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`];
          for (const [name, value] of Object.entries(response.headers)) {
            if (!['connection', 'keep-alive'].includes(name)) lines.push(`${name}: ${String(value)}`);
          }
          resolve({ head: `${lines.join('\r\n')}\r\n\r\n`, body: Buffer.concat(chunks) });
        });
      });
      onward.on('error', reject);
      onward.end(body);
    });

  const later = (ms: number, step: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      step();
    }, ms);
    timers.add(timer);
  };

  const canned = (
    socket: Socket,
    { status, body, contentType = 'application/x-amz-json-1.1' }: CannedReply,
  ) =>
    socket.write(
      `HTTP/1.1 ${status} Canned\r\ncontent-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
        `date: ${new Date().toUTCString()}\r\n\r\n${body}`,
    );

  /** What was written goes out first: a reset at once would overtake it. */
  const resetAfter = (socket: Socket, bytes: string | Buffer) =>
    socket.write(bytes, () => later(5, () => reset(socket)));

  const trickle = (socket: Socket, body: Buffer, from: number) => {
    if (socket.destroyed) return;
    // Never the last byte.
    if (from < body.length - 1) socket.write(body.subarray(from, from + 1));
    later(TRICKLE_EVERY_MS, () => trickle(socket, body, Math.min(from + 1, body.length - 1)));
  };

  const answer = async (socket: Socket, request: ProxiedRequest, rule: ReplyRule | undefined) => {
    const fault = rule?.fault ?? null;
    if (typeof fault === 'object' && fault !== null) return canned(socket, fault);
    if (fault === 'stall-headers') return;
    if (fault === 'reset-before-reply') return reset(socket);
    if (fault === 'half-close') return socket.end();
    if (fault === 'garbage') return socket.write('\u0000\u0001 what is this\r\n\r\n');
    if (fault === 'html-503' || fault === 'html-200') return canned(socket, html(fault));
    const { head, body } = await forward(request);
    const half = body.subarray(0, Math.floor(body.length / 2));
    switch (fault) {
      case null:
        return socket.write(Buffer.concat([Buffer.from(head), body]));
      case 'latency':
        return later(rule?.latencyMs ?? 500, () => socket.write(Buffer.concat([Buffer.from(head), body])));
      case 'stall-body':
        return socket.write(Buffer.concat([Buffer.from(head), half]));
      case 'trickle':
        socket.write(head);
        return trickle(socket, body, 0);
      case 'reset-headers':
        return resetAfter(socket, head.slice(0, 30));
      case 'reset-body':
        return resetAfter(socket, Buffer.concat([Buffer.from(head), half]));
      case 'truncated-body':
        return socket.end(Buffer.concat([Buffer.from(head), half]));
      case 'cut-json':
        return canned(socket, { status: 200, body: half.toString('latin1') });
      case 'close-idle':
        socket.write(Buffer.concat([Buffer.from(head), body]), () => later(5, () => reset(socket)));
        return;
      default:
        return fault satisfies never;
    }
  };

  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    made += 1;
    const connection = made;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    if (connectionFault === 'reset-connect') {
      reset(socket);
      return;
    }
    if (connectionFault === 'accept-silent') return;
    readRequests(socket, ({ operation, headers, body }) => {
      const request = { at: performance.now(), operation, headers, body, connection };
      const rule = rules.find(
        (each) => (each.operation ?? operation) === operation && (each.when?.(request) ?? true),
      );
      requests.push({ ...request, isHit: rule !== undefined });
      answer(socket, request, rule).catch(() => socket.destroy());
    });
  });

  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  const closeServer = () =>
    new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
      for (const socket of sockets) reset(socket);
    });
  const port = await listen(0);

  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return { made, open: sockets.size };
    },
    fail: (rule) => void rules.push(rule),
    async failConnections(fault) {
      connectionFault = fault;
      if (fault === 'refuse') await closeServer();
      else for (const socket of sockets) reset(socket);
    },
    async heal() {
      rules = [];
      connectionFault = null;
      if (!server.listening) await listen(port);
    },
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      await closeServer();
      agent.destroy();
    },
  };
}

const html = (fault: 'html-503' | 'html-200'): CannedReply => ({
  status: Number(fault.slice('html-'.length)),
  body: '<html><body>Bad gateway</body></html>',
  contentType: 'text/html',
});

/** Just enough of HTTP for a client that sends bodies with their length. */
function readRequests(
  socket: Socket,
  onRequest: (request: Pick<ProxiedRequest, 'operation' | 'headers' | 'body'>) => void,
): void {
  let buffered: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const end = buffered.indexOf('\r\n\r\n');
      if (end < 0) return;
      const headers: IncomingHttpHeaders = {};
      for (const line of buffered.toString('latin1', 0, end).split('\r\n').slice(1)) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const total = end + 4 + Number(headers['content-length'] ?? 0);
      if (buffered.length < total) return;
      const body = buffered.subarray(end + 4, total);
      buffered = buffered.subarray(total);
      onRequest({ operation: String(headers['x-amz-target'] ?? '').split('.')[1] ?? '', headers, body });
    }
  });
}
