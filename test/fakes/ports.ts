// Ports whose other end is the test: what was posted lies in `sent`, what the test delivers arrives at once.

import type { RawPort, Transferable } from '../../src/model/port.ts';
import { type Port, portOf } from '../../src/platform/port.ts';

export class FakeRawPort<Out, In> implements RawPort {
  readonly sent: Out[] = [];
  isClosed = false;
  isRef = true;
  #receive: ((message: In) => void) | null = null;
  #closed: (() => void) | null = null;
  readonly #early: In[] = [];

  postMessage(message: unknown, _transfer?: readonly Transferable[]): void {
    if (!this.isClosed) this.sent.push(message as Out);
  }

  on(event: string, listener: (value: never) => void): unknown {
    if (event === 'close') this.#closed = listener as () => void;
    if (event !== 'message') return this;
    this.#receive = listener as (value: unknown) => void;
    for (const message of this.#early.splice(0)) this.deliver(message);
    return this;
  }

  /** A message from the other end. */
  deliver(message: In): void {
    if (this.#receive === null) this.#early.push(message);
    else this.#receive(message);
  }

  /** The other end closes, or its thread dies: comes after its last message. */
  closeFromAfar(): void {
    this.isClosed = true;
    this.#closed?.();
  }

  close(): void {
    this.isClosed = true;
  }

  ref(): void {
    this.isRef = true;
  }

  unref(): void {
    this.isRef = false;
  }

  /** What was sent of one type. */
  sentOf<Type extends Out extends { readonly type: infer T } ? T : never>(
    type: Type,
  ): Extract<Out, { readonly type: Type }>[] {
    return this.sent.filter(
      (message): message is Extract<Out, { readonly type: Type }> =>
        (message as { readonly type?: unknown }).type === type,
    );
  }
}

export interface FakePort<Out, In> {
  readonly port: Port<Out, In>;
  readonly far: FakeRawPort<Out, In>;
}

export function createFakePort<Out, In>(): FakePort<Out, In> {
  const far = new FakeRawPort<Out, In>();
  return { port: portOf<Out, In>(far), far };
}
