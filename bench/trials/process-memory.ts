// The memory of this process: what the system counts as resident.

import { readFileSync } from 'node:fs';

/**
 * The most there ever was, bytes. Where the system says it of the program alone: `maxRSS` begins with what the parent had at the fork.
 */
export function peakRssBytes(): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
    return Number(kib) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
