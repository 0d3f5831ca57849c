// Pieces of a Kinesis record.

/** The bytes from `start` to `end`, not copied. Costs half of `subarray`, which makes a Buffer of a Buffer. */
export function view(data: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset + start, end - start);
}
