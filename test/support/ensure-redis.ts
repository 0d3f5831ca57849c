// Sees to it that redis-server, redis-sentinel and redis-cli are there: on a Debian system as root it installs them.

import { execFile } from 'node:child_process';
import { access, chmod, constants, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { until } from './until.ts';

const run = promisify(execFile);

const PROGRAMS = ['redis-server', 'redis-sentinel', 'redis-cli'] as const;
const PACKAGES = ['redis-server', 'redis-sentinel', 'redis-tools'] as const;
const INSTALL_WITHIN_MS = 180_000;
/** Asked by Debian's packages before they start a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';
const LOCK = join(tmpdir(), 'shardpool-redis-install.lock');

/** The same promise for all who ask in this process. */
let ensured: Promise<void> | null = null;

/** Throws an Error that says how to install Redis where it is missing and cannot be installed from here. */
export function ensureRedis(): Promise<void> {
  ensured ??= ensure();
  return ensured;
}

async function ensure(): Promise<void> {
  if ((await missing()).length === 0) return;
  await withLock(async () => {
    const lacking = await missing();
    if (lacking.length === 0) return;
    if (process.getuid?.() !== 0 || !(await exists('/usr/bin/apt-get'))) {
      throw new Error(
        `These tests need ${lacking.join(', ')}. On Debian or Ubuntu: ` +
          `sudo apt-get install --no-install-recommends ${PACKAGES.join(' ')}`,
      );
    }
    await install();
    const still = await missing();
    if (still.length > 0) throw new Error(`apt-get ran, and still there is no ${still.join(', ')} on PATH`);
  });
}

/** Nothing is started, and nothing that runs is touched: tests start servers of their own. */
async function install(): Promise<void> {
  const isOurs = !(await exists(POLICY));
  if (isOurs) {
    await writeFile(POLICY, '#!/bin/sh\nexit 101\n', { flag: 'wx' });
    await chmod(POLICY, 0o755);
  }
  const options = {
    timeout: INSTALL_WITHIN_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  };
  try {
    await run('apt-get', ['update', '-q'], options);
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...PACKAGES], options);
  } finally {
    if (isOurs) await rm(POLICY, { force: true });
  }
}

async function missing(): Promise<string[]> {
  const found = await Promise.all(PROGRAMS.map(isOnPath));
  return PROGRAMS.filter((_, i) => !found[i]);
}

async function isOnPath(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = await Promise.all(folders.map((folder) => exists(join(folder, program))));
  return found.includes(true);
}

function exists(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** A folder is made by one process only; one that is older than any installation was left by a process that died. */
async function withLock(work: () => Promise<void>): Promise<void> {
  await until('the lock of the installation is free', 2 * INSTALL_WITHIN_MS, async () => {
    const age = await stat(LOCK).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > INSTALL_WITHIN_MS + 60_000) await rm(LOCK, { recursive: true, force: true });
    return mkdir(LOCK).then(
      () => true,
      () => false,
    );
  });
  try {
    await work();
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}
