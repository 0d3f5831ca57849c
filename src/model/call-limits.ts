// How long each step of a call may take: no step may wait for ever.

export interface CallLimits {
  /** Until the TCP connection stands, the question for its address included, ms. */
  readonly connectMs: number;
  /** From the request to the head of the reply, ms. */
  readonly replyMs: number;
  /** Without a byte in either direction, as in a stalled body, ms. The SDK begins to watch 3 s into a call from 6 s up. */
  readonly stallMs: number;
  /** The whole call, repetitions by the SDK included, ms: a body may trickle without ever stalling. */
  readonly callMs: number;
  /** From the question for credentials to the answer of their provider, ms. */
  readonly credentialsMs: number;
}

/** A page of 10 MiB takes 5 s at the 2 MiB/s of a shard; an iterator lives for 5 minutes. */
export const CALL_LIMITS: CallLimits = {
  connectMs: 3_000,
  replyMs: 10_000,
  stallMs: 10_000,
  callMs: 60_000,
  credentialsMs: 30_000,
};
