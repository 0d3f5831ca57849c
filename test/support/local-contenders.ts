// Processes that write to one local lease store at once, and what they say was acknowledged.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LeaseStoreScope } from '../../src/model/lease-store.ts';
import { until } from './until.ts';

export interface ContenderInput {
  readonly name: string;
  readonly path: string;
  readonly scope: LeaseStoreScope;
  readonly shards: readonly string[];
  readonly rounds: number | null;
}

/** A line of a contender. */
export type Acknowledged =
  | { readonly write: 'ready' }
  | { readonly write: 'beat'; readonly beat: number }
  | { readonly write: 'take'; readonly shardId: string; readonly token: number }
  | {
      readonly write: 'checkpoint' | 'release';
      readonly shardId: string;
      readonly token: number;
      readonly position: string;
    }
  | { readonly write: 'failed'; readonly outcome: string; readonly message: string };

const PROGRAMS = new URL('../checkpointers/local/programs/', import.meta.url);

/** A program of test/checkpointers/local/programs; `dispose` kills it, stopped or not. */
export class LocalProgram implements AsyncDisposable {
  readonly lines: string[] = [];
  stderr = '';
  readonly child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(name: string, input: object, wrap: readonly string[] = []) {
    const file = fileURLToPath(new URL(`${name}.js`, PROGRAMS));
    const args = [
      ...wrap.slice(1),
      ...(wrap.length > 0 ? [process.execPath] : []),
      file,
      JSON.stringify(input),
    ];
    this.child = spawn(wrap[0] ?? process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = once(this.child, 'close');
    this.#closed.catch(() => undefined);
    let text = '';
    this.child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop()!;
      this.lines.push(...lines);
    });
    this.child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk));
  }

  get acknowledged(): readonly Acknowledged[] {
    return this.lines.map((line) => JSON.parse(line) as Acknowledged);
  }

  lineCount(what: string, atLeast: number, withinMs = 20_000): Promise<number> {
    return until(what, withinMs, () => {
      if (this.child.exitCode !== null && this.lines.length < atLeast) {
        throw new Error(`The program ended by itself: ${this.stderr}`);
      }
      return this.lines.length >= atLeast ? this.lines.length : null;
    });
  }

  /** Its exit code. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
