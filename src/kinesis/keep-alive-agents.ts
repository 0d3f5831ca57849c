// The agents that hold the connections: kept alive, with an end to those that nobody answers on any more.

import { Agent as HttpAgent, type AgentOptions, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';

export interface KeepAliveAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** A call got no answer in time: the idle connections may be as dead as its own was, so new ones are made. */
  dropIdle(): void;
}

export function keepAliveAgents(options: Pick<AgentOptions, 'maxSockets' | 'lookup'>): KeepAliveAgents {
  const agents = {
    http: new HttpAgent({ ...options, keepAlive: true }),
    https: new HttpsAgent({ ...options, keepAlive: true }),
  };
  for (const agent of [agents.http, agents.https]) {
    const reuseSocket = agent.reuseSocket;
    agent.reuseSocket = (socket: Duplex, request: ClientRequest) => {
      reuseSocket.call(agent, socket, request);
      let isAnswered = false;
      request.once('response', () => (isAnswered = true));
      request.prependOnceListener('error', (error: Error) => {
        if (!isAnswered) closedWhileIdle.add(error);
      });
    };
  }
  return {
    ...agents,
    dropIdle() {
      for (const { freeSockets } of [agents.http, agents.https]) {
        for (const sockets of Object.values(freeSockets))
          for (const socket of sockets ?? []) socket.destroy();
      }
    },
  };
}

/** Errors of requests that went out on a kept connection and got no answer. */
const closedWhileIdle = new WeakSet<object>();
const CLOSED_CODES: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED'];

/** True where the server closed a kept connection just when the next request went out on it; no answer had begun. */
export function wasClosedWhileIdle(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return closedWhileIdle.has(error) && CLOSED_CODES.includes(code);
}
