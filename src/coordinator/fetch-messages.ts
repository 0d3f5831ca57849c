// What fetch threads say, passed on to whom it concerns.

import { decodeError, encodeError } from '../model/errors.ts';
import type { CoordinatorToFetcher, FetcherToCoordinator, HostId, ThreadEvent } from '../protocol.ts';
import type { Assignments } from './assignments.ts';
import type { CredentialsCache } from './credentials.ts';
import type { Draining } from './draining.ts';
import type { Receivers } from './receivers.ts';
import type { ShardWatch } from './shard-watch.ts';
import type { StatusBoard } from './status-board.ts';
import type { Topology } from './topology.ts';

export interface FetchMessagesParts {
  readonly credentials: CredentialsCache;
  readonly assignments: () => Pick<Assignments, 'byIndex' | 'threadReady'>;
  readonly receivers: () => Pick<Receivers, 'released'>;
  readonly watch: () => Pick<ShardWatch, 'said'>;
  readonly topology: () => Pick<Topology, 'refresh' | 'doubt'>;
  readonly board: Pick<StatusBoard, 'utilization'>;
  readonly drained: Pick<Draining, 'drained'>;
  readonly post: (host: HostId, message: CoordinatorToFetcher) => void;
  readonly emit: (event: ThreadEvent) => void;
  readonly onFatal: (error: unknown) => void;
}

export function fetchMessages(
  parts: FetchMessagesParts,
): (host: HostId, message: FetcherToCoordinator) => void {
  /** Null for what an earlier reader of the shard still says. */
  const shardIdOf = ({ shard, epoch }: { readonly shard: number; readonly epoch: number }) => {
    const assignment = parts.assignments().byIndex(shard);
    return assignment?.epoch === epoch ? assignment.lease.shardId : null;
  };

  const answerCredentials = (host: HostId, id: number, renew: boolean) => {
    parts.credentials.get(renew).then(
      (value) => parts.post(host, { type: 'credentials', id, value, error: null }),
      (error: unknown) =>
        parts.post(host, { type: 'credentials', id, value: null, error: encodeError(error) }),
    );
  };

  return (host, message) => {
    switch (message.type) {
      case 'ready':
        parts.assignments().threadReady();
        break;
      case 'pong':
        parts.board.utilization(host, message.utilization);
        break;
      case 'state': {
        const shardId = shardIdOf(message);
        if (shardId !== null) parts.watch().said(shardId, message);
        break;
      }
      case 'shardEnd':
        // The page names the children, and the listing knows the rest of them: look at once. Also when the shard is not
        // assigned any more: the ack of its end comes over another port and may have overtaken this message.
        parts.topology().refresh(message.children.map(({ shardId }) => shardId));
        break;
      case 'shardRetry': {
        const shardId = shardIdOf(message);
        const { error, attempt, delayMs } = message;
        if (shardId !== null) parts.emit({ name: 'shard:retry', shardId, error, attempt, delayMs });
        // Something is missing that should be there: the listing knows what.
        if (!error.retryable) parts.topology().doubt();
        break;
      }
      case 'shardFailed':
        if (shardIdOf(message) !== null) parts.onFatal(decodeError(message.error));
        break;
      case 'credentials?':
        answerCredentials(host, message.id, message.renew);
        break;
      case 'receiverGone':
        parts.receivers().released(host, message.receiver);
        break;
      case 'drained':
        parts.drained.drained(host, 0);
        break;
      case 'revoked':
        break;
      default:
        message satisfies never;
    }
  };
}
