// Bytes to values, for the built-in serializers.

import { ShardpoolError } from '../model/errors.ts';

export const SERIALIZERS = ['json', 'string', 'bytes'] as const;
export type SerializerName = (typeof SERIALIZERS)[number];

/** Throws ERR_UNDECODABLE for bytes that do not fit. */
export type Deserialize = (data: Uint8Array) => unknown;

// Fatal: bytes that are not UTF-8 must not turn into U+FFFD in silence. A byte order mark is kept, as data like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const toText = (data: Uint8Array) => utf8.decode(data);

export function deserializerOf(name: SerializerName): Deserialize {
  switch (name) {
    case 'json':
      return undecodableOnThrow('json', (data) => JSON.parse(toText(data)) as unknown);
    case 'string':
      return undecodableOnThrow('string', toText);
    case 'bytes':
      return (data) => data;
    default:
      throw name satisfies never;
  }
}

/** Whatever `deserialize` throws becomes the cause of an ERR_UNDECODABLE. */
export function undecodableOnThrow(processor: string, deserialize: Deserialize): Deserialize {
  return (data) => {
    try {
      return deserialize(data);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      // The message leaves out where the record lies: who caught it knows, and equal failures should read the same.
      throw new ShardpoolError(
        'ERR_UNDECODABLE',
        `The processor '${processor}' cannot decode the record: ${why}`,
        { cause },
      );
    }
  };
}
