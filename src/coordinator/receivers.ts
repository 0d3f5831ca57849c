// The receivers of this coordinator: which there are, and what has to happen before the place of a dead one is taken again.
//
// A fetch thread may still send to a receiver that is dead. What is on its way there can only be repaid once every thread has let
// go of it; only then may another receiver have its number.

import type { Port } from '../platform/port.ts';
import { type Deferred, deferred } from '../platform/deferred.ts';
import type { CoordinatorToReceiver, HostId, ReceiverToCoordinator } from '../protocol.ts';

export type ReceiverLink = Port<CoordinatorToReceiver, ReceiverToCoordinator>;

export interface ReceiversParts {
  /** All fetch threads that there are. */
  readonly hosts: () => readonly HostId[];
  /** Tells a fetch thread to let go. */
  readonly release: (host: HostId, receiver: number) => void;
  readonly onMessage: (receiver: number, message: ReceiverToCoordinator) => void;
  /** Its thread is dead. */
  readonly onGone: (receiver: number) => void;
  /** Nobody sends to it any more. */
  readonly onReleased: (receiver: number) => void;
  /** A receiver joined, the first ones too. */
  readonly onJoined: (receiver: number) => void;
}

export interface Receivers {
  readonly ready: readonly number[];
  join(receiver: number, link: ReceiverLink): void;
  post(receiver: number, message: CoordinatorToReceiver): void;
  broadcast(message: CoordinatorToReceiver): void;
  /** Resolves when the receiver is dead; at once for one that there is not. */
  whenGone(receiver: number): Promise<void>;
  /** The fetch thread sends it nothing any more. */
  released(host: HostId, receiver: number): void;
  hostGone(host: HostId): void;
}

export function createReceivers(parts: ReceiversParts): Receivers {
  const links = new Map<number, { readonly link: ReceiverLink; readonly gone: Deferred<void> }>();
  /** Dead ones, and the threads that have not let go of them. */
  const held = new Map<number, Set<HostId>>();
  /** Those that follow dead ones and wait for that. */
  const waiting = new Map<number, ReceiverLink>();

  const add = (receiver: number, link: ReceiverLink) => {
    const gone = deferred();
    links.set(receiver, { link, gone });
    link.onMessage((message) => parts.onMessage(receiver, message));
    parts.onJoined(receiver);
  };

  const closed = (receiver: number, link: ReceiverLink) => {
    if (waiting.get(receiver) === link) waiting.delete(receiver);
    const known = links.get(receiver);
    if (known?.link !== link) return;
    links.delete(receiver);
    known.gone.resolve();
    const hosts = parts.hosts();
    held.set(receiver, new Set(hosts));
    // The threads stop reading for it before they let go of it.
    parts.onGone(receiver);
    for (const host of hosts) parts.release(host, receiver);
    look(receiver);
  };

  const look = (receiver: number) => {
    if (held.get(receiver)?.size !== 0) return;
    held.delete(receiver);
    parts.onReleased(receiver);
    const next = waiting.get(receiver);
    waiting.delete(receiver);
    if (next !== undefined) add(receiver, next);
  };

  return {
    get ready() {
      return [...links.keys()];
    },
    join(receiver, link) {
      // At once: a port tells nobody who asks later that it is closed.
      link.onClose(() => closed(receiver, link));
      if (held.has(receiver) || links.has(receiver)) waiting.set(receiver, link);
      else add(receiver, link);
    },
    post(receiver, message) {
      links.get(receiver)?.link.post(message, message.type === 'host' ? [message.port] : undefined);
    },
    broadcast(message) {
      for (const { link } of links.values()) link.post(message);
    },
    whenGone: (receiver) => links.get(receiver)?.gone.promise ?? Promise.resolve(),
    released(host, receiver) {
      held.get(receiver)?.delete(host);
      look(receiver);
    },
    hostGone(host) {
      for (const [receiver, hosts] of held) {
        hosts.delete(host);
        look(receiver);
      }
    },
  };
}
