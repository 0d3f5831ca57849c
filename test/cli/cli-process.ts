// Runs the built command line, or an example, as a child process; every wait has a deadline.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** The tests are three folders below the package, wherever they are built to. */
export const PACKAGE = new URL('../../../', import.meta.url);

export interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cli {
  readonly child: ChildProcess;
  /** Resolves to the first line of standard output that matches; rejects when the process ends without it. */
  line(pattern: RegExp): Promise<string>;
  /** The same on standard error. */
  errorLine(pattern: RegExp): Promise<string>;
  /** Resolves when the process ended by itself; rejects when it does not. */
  exit(): Promise<Exit>;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 25_000;
const started = new Set<ChildProcess>();

export const cli = (args: readonly string[], options: CliOptions = {}): Cli => script(CLI, args, options);

export function script(file: string, args: readonly string[], options: CliOptions = {}): Cli {
  const { cwd, env = {}, deadlineMs = DEADLINE_MS } = options;
  const child = spawn(process.execPath, [file, ...args], {
    cwd: cwd ?? fileURLToPath(PACKAGE),
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  let stdout = '';
  let stderr = '';
  let ended = false;
  const lookers = new Set<() => void>();
  const look = () => {
    for (const looker of lookers) looker();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    look();
  });
  const closed = once(child, 'close').then(([code]: unknown[]) => {
    started.delete(child);
    ended = true;
    look();
    return code as number | null;
  });

  const within = async <T>(what: string, promise: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        reject(new Error(`${what} did not come in ${deadlineMs} ms\n${stdout}\n${stderr}`));
      }, deadlineMs);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  const lineOf = (text: () => string, pattern: RegExp): Promise<string> => {
    const found = new Promise<string>((resolve, reject) => {
      const looker = () => {
        // What follows the last line break may be half a line.
        const line = text()
          .split('\n')
          .slice(0, -1)
          .find((each) => pattern.test(each));
        if (line !== undefined) resolve(line);
        else if (ended) reject(new Error(`ended without a line like ${pattern}\n${stdout}\n${stderr}`));
        else return;
        lookers.delete(looker);
      };
      lookers.add(looker);
      looker();
    });
    return within(`a line like ${pattern}`, found);
  };

  return {
    child,
    line: (pattern) => lineOf(() => stdout, pattern),
    errorLine: (pattern) => lineOf(() => stderr, pattern),
    exit: async () => ({ code: await within('the end', closed), stdout, stderr }),
  };
}

/** For `afterEach`: a test that failed leaves no process behind. */
export function killAll(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** Without what the shell of the developer says about AWS. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
}

/** What `shardpool simulator` tells its user to export. */
export function simulatorEnvironment(simulator: {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_KINESIS: simulator.endpoint,
    AWS_REGION: simulator.region,
    AWS_ACCESS_KEY_ID: simulator.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: simulator.credentials.secretAccessKey,
  };
}
