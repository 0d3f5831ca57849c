// Runs a program of test/integration/programs in a process of its own, which has to end by itself.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ProgramEnd {
  readonly code: number | null;
  /** Each line that the program wrote, as JSON. */
  readonly lines: readonly Record<string, unknown>[];
  readonly stderr: string;
  /** From the last line to the end of the process. */
  readonly lingeredMs: number;
}

/** Fails when the process is still there after `withinMs`. `input` is given to the program as JSON in its first argument. */
export async function runProgram(
  name: string,
  input: object,
  withinMs: number,
  flags: readonly string[] = [],
): Promise<ProgramEnd> {
  const file = fileURLToPath(new URL(`../integration/programs/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [...flags, file, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let lastLineAt = performance.now();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    lastLineAt = performance.now();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, withinMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  const lingeredMs = performance.now() - lastLineAt;
  if (late) {
    throw new Error(`${name} did not end by itself within ${withinMs} ms; it wrote: ${stdout}${stderr}`);
  }
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, lines, stderr, lingeredMs };
}
