// MessagePack values. msgpackr bounds what an array or a map may claim by the bytes that are there.

import { type Options, Unpackr } from 'msgpackr';

/** In msgpackr, and missing in its types. */
interface UnpackOptions extends Omit<Options, 'int64AsType'> {
  readonly int64AsType: 'auto';
}

const options: UnpackOptions = {
  // Records and shared structures are msgpackr's own invention: no other language writes or reads them.
  useRecords: false,
  variableMapSize: true,
  mapsAsObjects: true,
  // A number wherever it is exact, else a bigint: the width that a writer picked says nothing about the value.
  int64AsType: 'auto',
  copyBuffers: false,
};
const unpackr = new Unpackr(options as unknown as Options);

/** Exactly one value. `bin` gives views into `data`. Throws for what is cut, goes on behind the value, or nests too deep. */
export function unpackMsgpack(data: Uint8Array): unknown {
  // A view of its own: msgpackr leaves a property on what it reads, and `data` belongs to the user.
  return unpackr.unpack(Buffer.from(data.buffer, data.byteOffset, data.byteLength)) as unknown;
}
