// The HTTP/1.1 server in front of the front door. Loopback only.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendBroken } from './broken-answer.ts';
import type { Clock } from './clock.ts';
import type { FrontDoor } from './front-door.ts';
import type { Reply } from './reply.ts';

/** Above the largest PutRecords of AWS in base64, with room for its keys. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Longer than the pauses of an idle consumer, so that its sockets live on. */
const KEEP_ALIVE_MS = 60_000;

export class HttpServer {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #pause: (ms: number) => Promise<void>;

  constructor(frontDoor: FrontDoor, clock: Clock, pause: (ms: number) => Promise<void>) {
    this.#clock = clock;
    this.#pause = pause;
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
      this.#serve(frontDoor, request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  /** Resolves to the port it listens on. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Cuts every connection, also those in the middle of a reply. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  async #serve(frontDoor: FrontDoor, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    // The client hung up while it was sending: there is nobody to answer.
    if (body === null) return;
    const { headers } = request;
    const reply = await frontDoor.answer({
      method: request.method ?? '',
      target: headerText(headers['x-amz-target']),
      contentType: headerText(headers['content-type']),
      authorization: headerText(headers.authorization),
      body,
    });
    if (response.destroyed) return;
    if (reply.fault === null) this.#send(response, reply);
    else await sendBroken(response, reply, reply.fault, this.#headers(), this.#pause);
  }

  #send(response: ServerResponse, { status, body }: Reply): void {
    const chunks = typeof body === 'string' ? [body] : body;
    let length = 0;
    for (const chunk of chunks) length += Buffer.byteLength(chunk);
    response.writeHead(status, { ...this.#headers(), 'Content-Length': length });
    response.cork();
    for (const chunk of chunks) response.write(chunk);
    response.end();
    response.uncork();
  }

  #headers(): Record<string, string> {
    return {
      'x-amzn-RequestId': randomUUID(),
      'Content-Type': 'application/x-amz-json-1.1',
      Date: new Date(this.#clock.now()).toUTCString(),
    };
  }
}

/** Null when the request broke off. */
function readBody(request: IncomingMessage): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => {
      resolve(Buffer.concat(chunks, bytes));
    });
    request.on('close', () => {
      resolve(null);
    });
    request.on('error', () => {
      resolve(null);
    });
  });
}

function headerText(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
