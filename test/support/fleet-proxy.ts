// A TCP proxy in front of a store, whatever it speaks: cuts the line, stalls it, or lets requests through and no replies.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export const LINE_FAULTS = [
  /** Every connection is reset, new ones too. */
  'cut',
  /** Nothing comes through, and nothing is refused; what waited arrives late. */
  'stall',
  /** Requests arrive and are carried out; the replies are lost, and so is the connection in the end. */
  'half-open',
] as const;
export type LineFault = (typeof LINE_FAULTS)[number];

export interface FleetProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly fault: LineFault | null;
  fail(fault: LineFault): void;
  heal(): void;
}

interface Line {
  readonly client: Socket;
  readonly upstream: Socket;
  /** A reply was swallowed: what follows would be taken for it. */
  isDeaf: boolean;
}

export async function startFleetProxy(host: string, port: number): Promise<FleetProxy> {
  const lines = new Set<Line>();
  let fault: LineFault | null = null;

  const reset = ({ client, upstream }: Line) => {
    for (const socket of [client, upstream]) {
      // Node 20 spins for ever at its exit after the reset of a socket that was ended.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  const set = ({ client, upstream }: Line) => {
    for (const socket of [client, upstream]) {
      if (fault === 'stall') socket.pause();
      else socket.resume();
    }
  };

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => undefined);
    if (fault === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host, port, noDelay: true });
    upstream.on('error', () => undefined);
    const line: Line = { client, upstream, isDeaf: false };
    lines.add(line);
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (fault === 'half-open') line.isDeaf = true;
      else client.write(bytes);
    });
    for (const socket of [client, upstream]) {
      socket.on('close', () => {
        lines.delete(line);
        client.destroy();
        upstream.destroy();
      });
    }
    set(line);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get fault() {
      return fault;
    },
    fail(next) {
      fault = next;
      for (const line of lines) {
        if (next === 'cut') reset(line);
        else set(line);
      }
    },
    heal() {
      fault = null;
      for (const line of lines) {
        if (line.isDeaf) reset(line);
        else set(line);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const line of lines) reset(line);
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
