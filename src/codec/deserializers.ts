// Bytes to values, for the built-in serializers.

import { ShardpoolError } from '../model/errors.ts';
import type { SerializerName } from './processor-options.ts';

/** Throws whatever it likes for bytes that do not fit. */
export interface Deserializer {
  readonly fromBytes: (data: Uint8Array) => unknown;
  /** From bytes that are ASCII and a text already. Null where that is no shortcut, or would keep the text in memory. */
  readonly fromText: ((text: string) => unknown) | null;
}

// Fatal: bytes that are not UTF-8 must not turn into U+FFFD in silence. A byte order mark is kept, as data like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const toText = (data: Uint8Array) => utf8.decode(data);
const parse = (text: string) => JSON.parse(text) as unknown;

export async function deserializerOf(name: SerializerName): Promise<Deserializer> {
  switch (name) {
    case 'json':
      return { fromBytes: (data) => parse(toText(data)), fromText: parse };
    case 'string':
      // A string cut out of the text of its batch would keep all of that in memory for as long as someone holds it.
      return { fromBytes: toText, fromText: null };
    case 'bytes':
      return { fromBytes: (data) => data, fromText: null };
    case 'msgpack': {
      const { unpackMsgpack } = await import('./msgpack.ts');
      return { fromBytes: unpackMsgpack, fromText: null };
    }
    default:
      throw name satisfies never;
  }
}

/** Whatever `decode` throws becomes the cause of an ERR_UNDECODABLE. */
export function undecodableOnThrow<Input>(
  processor: string,
  decode: (input: Input) => unknown,
): (input: Input) => unknown {
  return (input) => {
    try {
      return decode(input);
    } catch (cause) {
      throw undecodable(processor, cause instanceof Error ? cause.message : String(cause), cause);
    }
  };
}

/** The message leaves out where the record lies: who caught it knows, and equal failures should read the same. */
export function undecodable(processor: string, why: string, cause?: unknown): ShardpoolError {
  return new ShardpoolError(
    'ERR_UNDECODABLE',
    `The processor '${processor}' cannot decode the record: ${why}`,
    { cause },
  );
}
