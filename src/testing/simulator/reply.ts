// The answer of a call, before it is sent.

import { AwsError } from './aws-error.ts';
import type { WireFault } from './wire-faults.ts';

/** Chunks are sent one after the other as they are; a string is sent as UTF-8. */
export interface Reply {
  readonly status: number;
  readonly body: string | readonly Buffer[];
  /** What happens to it on its way; null for nothing. */
  readonly fault: WireFault | null;
}

export function resultReply(body: string | readonly Buffer[]): Reply {
  return { status: 200, body, fault: null };
}

export function errorReply(error: unknown): Reply {
  if (error instanceof AwsError) {
    const body = JSON.stringify({ __type: error.type, message: error.message });
    return { status: error.status, body, fault: null };
  }
  // A bug of the simulator must not pass for a fault of AWS.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const body = JSON.stringify({ __type: 'InternalFailure', message: `Bug in the simulator: ${text}` });
  return { status: 500, body, fault: null };
}
