// A program of test/integration/programs in a process of its own, which is there to be killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

export class KillableProgram implements AsyncDisposable {
  stderr = '';
  readonly #child;
  readonly #closed: Promise<unknown>;

  /** `onLine` gets each line that the program wrote, as JSON; one that its death tore is left out. */
  constructor(name: string, input: object, onLine: (line: unknown) => void) {
    const file = fileURLToPath(new URL(`../integration/programs/${name}.js`, import.meta.url));
    this.#child = spawn(process.execPath, [file, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    this.#closed.catch(() => undefined);
    let text = '';
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop()!;
      for (const line of lines) onLine(JSON.parse(line));
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
  }

  /** As `until`, but a program that ended ends the wait. */
  until<T>(what: string, withinMs: number, condition: () => T | Promise<T>) {
    return until(what, withinMs, () => {
      if (this.#child.exitCode !== null) throw new Error(`The program ended by itself: ${this.stderr}`);
      return condition();
    });
  }

  /** False when it ended by itself before; resolves when all that it wrote was told. */
  async kill(): Promise<boolean> {
    const isKilled = this.#child.kill('SIGKILL');
    await this.#closed;
    return isKilled && this.#child.signalCode === 'SIGKILL';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
