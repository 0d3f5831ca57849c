// The virtual clock and timers of the tests, under the roof of the fakes.

export { createVirtualTime, type VirtualTime } from '../sending/virtual-time.ts';
