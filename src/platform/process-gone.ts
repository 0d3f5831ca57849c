// Whether a process of this host, named by a row that it wrote, is certainly gone.

import { readFileSync } from 'node:fs';

/** What a process says of where it runs. */
export interface ProcessPlace {
  readonly host: string;
  /** As `bootId()` gives it. */
  readonly boot: string;
}

/** False wherever that cannot be known: another host, another boot or space of process ids, or none that is named. */
export function isProcessGone(
  { host, boot, pid }: ProcessPlace & { readonly pid: number },
  own: ProcessPlace,
): boolean {
  // Zero and below name groups of processes.
  if (host !== own.host || boot === '' || boot !== own.boot || !Number.isSafeInteger(pid) || pid <= 0) {
    return false;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return isZombie(pid);
}

/** Dead, but its parent has not asked yet how it died; a parent may never do. */
function isZombie(pid: number): boolean {
  try {
    // pid (name) state ...; the name may contain anything.
    const status = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const state = status.slice(status.lastIndexOf(')') + 2, status.lastIndexOf(')') + 3);
    return state === 'Z' || state === 'X';
  } catch {
    return false;
  }
}
