// Which boot of the host this is, so that a process id of an earlier one is not taken for one of now.

import { readFileSync, readlinkSync } from 'node:fs';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** Containers may share the name of their host and not its process ids. */
const PROCESS_SPACE = '/proc/self/ns/pid';

/** Empty where the system does not say: then nothing can be concluded from a process id. */
export function bootId(): string {
  try {
    return `${readFileSync(BOOT_ID, 'utf8').trim()}/${readlinkSync(PROCESS_SPACE)}`;
  } catch {
    return '';
  }
}
