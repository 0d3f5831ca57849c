// The far side: starts a child process and waits for its one reply, under a deadline.

import { type ChildProcess, fork } from 'node:child_process';

const EXIT_DEADLINE_MS = 10_000;

export interface StartedChild<T> {
  readonly reply: T;
  /** Hangs up and waits for the exit; rejects when it does not come, after killing the process. */
  end(): Promise<void>;
}

/** `file` is one of this folder, without extension. */
export async function startChild<T>(
  file: 'side' | 'simulator' | 'trial' | 'stream-server',
  argument: unknown,
  deadlineMs: number,
): Promise<StartedChild<T>> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const path = new URL(`./${file}.${extension}`, import.meta.url);
  const child = fork(path, [JSON.stringify(argument)], {
    // Flags of the parent, a profiler's for instance, would change what is measured.
    execArgv: [],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const reply = new Promise<T>((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`The process '${file}' ended with ${code} and no reply`)));
  });
  try {
    return {
      reply: await within(reply, deadlineMs, `The process '${file}' did not reply`),
      end: () => end(child, exited, file),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** That the process ends by itself is part of what is checked: threads and sockets must not hold it. */
async function end(child: ChildProcess, exited: Promise<number | null>, file: string): Promise<void> {
  if (child.connected) child.disconnect();
  try {
    const code = await within(exited, EXIT_DEADLINE_MS, `The process '${file}' did not end`);
    if (code !== 0) throw new Error(`The process '${file}' ended with ${code}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function within<T>(promise: Promise<T>, deadlineMs: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
