// What a script can do to the answer of a call on its way to the client.

export const RESET_POINTS = ['connect', 'headers', 'body'] as const;
export const STALL_POINTS = ['headers', 'body'] as const;
export const STRANGE_REPLIES = ['html', 'empty', 'garbage', 'wrong-type'] as const;

export type ResetPoint = (typeof RESET_POINTS)[number];
export type StallPoint = (typeof STALL_POINTS)[number];
export type StrangeReply = (typeof STRANGE_REPLIES)[number];

export type WireFault =
  /** The connection is reset (RST): before an answer, after its headers, or in the middle of its body. */
  | { readonly type: 'reset'; readonly at: ResetPoint }
  /** The connection stays open, and nothing comes: no answer at all, or nothing after half of the body. */
  | { readonly type: 'stall'; readonly at: StallPoint }
  /** Half of the body, then the connection is closed in good order (FIN). */
  | { readonly type: 'truncate' }
  /** The whole body, at that rate. */
  | { readonly type: 'slow'; readonly bytesPerSecond: number }
  /** A whole answer that is not one of Kinesis. */
  | { readonly type: 'strange'; readonly reply: StrangeReply };

/** True where the fault needs no answer of the call, so that the call is only carried out when a script asks for it. */
export function comesFirst(fault: WireFault): boolean {
  switch (fault.type) {
    case 'reset':
      return fault.at === 'connect';
    case 'stall':
      return fault.at === 'headers';
    case 'truncate':
    case 'slow':
      return false;
    case 'strange':
      return fault.reply !== 'wrong-type';
    default:
      throw new TypeError(fault satisfies never);
  }
}

/** True where the client never gets the answer of the call as a whole. */
export function breaksAnswer(fault: WireFault): boolean {
  return fault.type !== 'slow' && !(fault.type === 'strange' && fault.reply === 'wrong-type');
}
