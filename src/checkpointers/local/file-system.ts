// What the file system of the store is: whether memory and locks are common to all who use a file of it, and what room it has.

import { statfsSync } from 'node:fs';

/** The magic numbers of Linux's statfs. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x69_69, 'NFS'],
  [0x51_7b, 'SMB'],
  [0xff_53_4d_42, 'CIFS'],
  [0xfe_53_4d_42, 'SMB'],
  [0x01_02_19_97, '9p'],
  [0x00_c3_64_00, 'Ceph'],
  [0x53_46_41_4f, 'AFS'],
  [0x6b_41_46_53, 'AFS'],
  [0x0b_d0_0b_d0, 'Lustre'],
  [0x19_83_01_15, 'FhGFS'],
  [0x01_16_19_70, 'GFS2'],
  [0x74_61_63_6f, 'OCFS2'],
]);

/** Its name, or null where it is none or the system does not tell. */
export function networkFileSystemOf(directory: string): string | null {
  if (process.platform !== 'linux') return null;
  try {
    return NETWORK_FILE_SYSTEMS.get(statfsSync(directory).type) ?? null;
  } catch {
    return null;
  }
}

/** For whoever is not root; null where the system does not tell. */
export function freeBytesOf(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
