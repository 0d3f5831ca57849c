// Turns the marks of a meter into a run: CPU of the process, busy time of this thread, and wall time between two of them.

import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import type { Run } from '../figures.ts';
import type { Mark } from './meter.ts';

interface Reading {
  readonly records: number;
  readonly atMs: number;
  readonly cpu: NodeJS.CpuUsage;
  readonly loop: EventLoopUtilization;
}

/** For the main thread of a side's process. */
export class Stopwatch {
  readonly #readings = new Map<Mark['name'], Reading>();
  #checksum = 0;

  take({ name, records, checksum }: Mark): void {
    this.#checksum = checksum;
    this.#readings.set(name, {
      records,
      atMs: performance.now(),
      cpu: process.cpuUsage(),
      loop: performance.eventLoopUtilization(),
    });
  }

  result(): Run {
    const begin = this.#reading('begin');
    const end = this.#reading('end');
    return {
      records: end.records - begin.records,
      wallMs: end.atMs - begin.atMs,
      userUs: end.cpu.user - begin.cpu.user,
      systemUs: end.cpu.system - begin.cpu.system,
      mainBusyMs: end.loop.active - begin.loop.active,
      // Node gives KiB.
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      totalRecords: this.#reading('finished').records,
      checksum: this.#checksum,
    };
  }

  #reading(name: Mark['name']): Reading {
    const reading = this.#readings.get(name);
    if (reading === undefined) throw new Error(`The run ended before its mark '${name}'`);
    return reading;
  }
}
