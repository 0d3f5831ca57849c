// A module whose import stops its thread for good; not for the main thread.

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
export default () => undefined;
