// How long each step of a call may take: no step may wait for ever.

export interface CallLimits {
  /** Until the TCP connection stands, the question for its address included. */
  readonly connectTimeoutMs: number;
  /** From the request to the head of the reply. */
  readonly replyTimeoutMs: number;
  /** Without a byte in either direction, as in a stalled body. The SDK begins to watch 3 s into a call from 6 s up. */
  readonly stallTimeoutMs: number;
  /** The whole call, repetitions by the SDK included: a body may trickle without ever stalling. */
  readonly callTimeoutMs: number;
  /** From the question for credentials to main's answer. */
  readonly credentialsTimeoutMs: number;
}

/** A page of 10 MiB takes 5 s at the 2 MiB/s of a shard; an iterator lives for 5 minutes. */
const DEFAULTS: CallLimits = {
  connectTimeoutMs: 3_000,
  replyTimeoutMs: 10_000,
  stallTimeoutMs: 10_000,
  callTimeoutMs: 60_000,
  credentialsTimeoutMs: 30_000,
};

/** JSON with some of the limits, for tests of faults; threads inherit the environment. It goes before what code asks for. */
const VARIABLE = 'SHARDPOOL_CALL_LIMITS';

export function callLimits(
  asked: { readonly [Name in keyof CallLimits]?: number | undefined } = {},
): CallLimits {
  const override = process.env[VARIABLE];
  const limits: Record<string, number> = { ...DEFAULTS };
  const given =
    override === undefined ? asked : { ...asked, ...(JSON.parse(override) as Partial<CallLimits>) };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) limits[name] = value;
  return limits as unknown as CallLimits;
}
