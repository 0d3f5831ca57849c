// Sends answers that a script broke: cut, stalled, slow, or nothing that Kinesis would say.

import type { ServerResponse } from 'node:http';
import type { Reply } from './reply.ts';
import type { StrangeReply, WireFault } from './wire-faults.ts';

type Pause = (ms: number) => Promise<void>;
type Headers = Readonly<Record<string, string>>;

/** How long the client has to see what was sent before the connection is reset: a reset may overtake data. */
const SEEN_MS = 20;
const SLICE_MS = 50;

const STRANGE: Readonly<
  Record<Exclude<StrangeReply, 'wrong-type'>, { status: number; type: string; body: string }>
> = {
  html: {
    status: 503,
    type: 'text/html; charset=utf-8',
    body: '<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503 Service Temporarily Unavailable</h1></body></html>',
  },
  empty: { status: 200, type: 'application/x-amz-json-1.1', body: '' },
  garbage: { status: 200, type: 'application/x-amz-json-1.1', body: '{"NextShardIterator":"AAAA' },
};

export async function sendBroken(
  response: ServerResponse,
  reply: Reply,
  fault: WireFault,
  headers: Headers,
  pause: Pause,
): Promise<void> {
  const body = bytesOf(reply.body);
  switch (fault.type) {
    case 'reset':
      if (fault.at === 'connect') return reset(response);
      begin(response, reply.status, headers, body, fault.at === 'headers' ? 0 : 0.5);
      await pause(SEEN_MS);
      return reset(response);
    case 'stall':
      if (fault.at === 'body') begin(response, reply.status, headers, body, 0.5);
      return;
    case 'truncate':
      begin(response, reply.status, headers, body, 0.5);
      response.socket?.end();
      return;
    case 'slow':
      return sendSlowly(response, reply.status, headers, body, fault.bytesPerSecond, pause);
    case 'strange': {
      const other =
        fault.reply === 'wrong-type' ? { ...reply, type: 'text/plain', body } : STRANGE[fault.reply];
      response.writeHead(other.status, {
        ...headers,
        'Content-Type': other.type,
        'Content-Length': Buffer.byteLength(other.body),
      });
      response.end(other.body);
      return;
    }
    default:
      fault satisfies never;
  }
}

/** Promises the whole body and sends a part of it. An answer without a body promises one, or there would be nothing to cut. */
function begin(response: ServerResponse, status: number, headers: Headers, body: Buffer, part: number): void {
  response.writeHead(status, { ...headers, 'Content-Length': Math.max(body.length, 2) });
  response.flushHeaders();
  const length = Math.floor(body.length * part);
  if (length > 0) response.write(body.subarray(0, length));
}

async function sendSlowly(
  response: ServerResponse,
  status: number,
  headers: Headers,
  body: Buffer,
  bytesPerSecond: number,
  pause: Pause,
): Promise<void> {
  response.writeHead(status, { ...headers, 'Content-Length': body.length });
  response.flushHeaders();
  const slice = Math.max(1, Math.round((bytesPerSecond * SLICE_MS) / 1000));
  for (let sent = 0; sent < body.length; sent += slice) {
    await pause((slice * 1000) / bytesPerSecond);
    // The client has hung up, or the simulator stops.
    if (response.destroyed) return;
    response.write(body.subarray(sent, sent + slice));
  }
  response.end();
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

function bytesOf(body: string | readonly Buffer[]): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.concat(body);
}
