// The part of a MessagePort that messages carry and stages use; node:worker_threads itself is touched by the roots only.

export type Transferable = ArrayBuffer | RawPort;

export interface RawPort {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: string, listener: (value: never) => void): unknown;
  close?(): void;
  ref?(): void;
  unref?(): void;
}
