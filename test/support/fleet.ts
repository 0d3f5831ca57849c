// Consumers of one application in processes of their own, which can be killed, stopped and continued, and what they wrote.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConsumerOptions } from '../../src/index.ts';
import type { CheckpointerName, NamedSpec } from '../../src/model/specs.ts';
import type { HandlerPace } from './fleet-handler.ts';
import { FleetLog, type FleetLine, now } from './fleet-log.ts';
import type { MemberInput } from './fleet-member.ts';
import type { FleetStoreOptions } from './fleet-store.ts';
import { until, within } from './until.ts';

export interface FleetParts {
  /** Of every consumer; plain data, for it goes to another process. */
  readonly consumer: Omit<ConsumerOptions, 'checkpointer' | 'instanceId' | 'logger' | 'signal' | 'processor'>;
  readonly store: NamedSpec<CheckpointerName>;
  readonly pace?: HandlerPace;
}

export interface MemberChanges {
  readonly consumer?: Partial<FleetParts['consumer']>;
  readonly store?: NamedSpec<CheckpointerName>;
  readonly pace?: HandlerPace;
}

export interface MemberEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const AT_ONCE: HandlerPace = { upToMs: 0, longShare: 0, longMs: 0, seed: 1 };
const BORN_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 5_000;

/** `running` from the start on, and however it stands inside; `gone` however it ended. */
export type MemberState = 'running' | 'paused' | 'gone';

export class Member {
  readonly instanceId: string;
  /** `instanceId.life`: each process has its own. */
  readonly name: string;
  readonly log: FleetLog;
  readonly startedAt = now();
  /** Why it was told to go; null while nobody did. */
  dismissed: 'kill' | 'stop' | null = null;
  stderr = '';
  end: MemberEnd | null = null;
  readonly ended: Promise<MemberEnd>;
  readonly #child: ChildProcess;
  #isPaused = false;
  #isReadToEnd = false;

  constructor(
    instanceId: string,
    life: number,
    folder: string,
    { consumer, store, pace }: Required<FleetParts>,
  ) {
    this.instanceId = instanceId;
    this.name = `${instanceId}.${life}`;
    const file = join(folder, `${this.name}.jsonl`);
    writeFileSync(file, '');
    this.log = new FleetLog(file);
    const input: MemberInput = {
      file,
      pace,
      consumer: {
        ...consumer,
        instanceId,
        // Each line is a user record, so a checkpoint may lie inside of a record of the stream.
        processor: 'json-lines',
        checkpointer: {
          module: new URL('./fleet-store.js', import.meta.url).href,
          options: { spec: store, file } satisfies FleetStoreOptions as Record<string, unknown>,
        },
      },
    };
    const program = fileURLToPath(new URL('./fleet-member.js', import.meta.url));
    this.#child = spawn(process.execPath, ['--enable-source-maps', program, JSON.stringify(input)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.end = { code, signal };
        resolve(this.end);
      });
    });
    // Whoever waits sees it.
    this.ended.catch(() => undefined);
  }

  get state(): MemberState {
    if (this.end !== null || this.#child.exitCode !== null || this.#child.signalCode !== null) return 'gone';
    return this.#isPaused ? 'paused' : 'running';
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** It ended before it read anything, because it could not reach its store: whoever supervises it starts another one. */
  get isRefused(): boolean {
    if (this.end === null || this.dismissed !== null || !this.stderr.includes('ERR_LEASE_STORE'))
      return false;
    return !this.isReady;
  }

  /** It has read, now or before. */
  get isReady(): boolean {
    return this.lines.some((line) => line.type === 'event' && line.name === 'ready');
  }

  /** Everything that it wrote so far. */
  get lines(): readonly FleetLine[] {
    if (!this.#isReadToEnd) {
      // Of one that has ended nothing more comes.
      this.#isReadToEnd = this.end !== null;
      this.log.read();
    }
    return this.log.lines;
  }

  async kill(): Promise<void> {
    this.dismissed ??= 'kill';
    this.#signal('SIGKILL');
    await within(`the end of ${this.name}`, ENDS_WITHIN_MS, this.ended);
  }

  pause(): void {
    this.#signal('SIGSTOP');
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#signal('SIGCONT');
  }

  /** In an orderly way; resolves when the process has ended by itself. */
  async stop(withinMs: number): Promise<MemberEnd> {
    // Before that SIGTERM would find nobody who knows what to do about it.
    await until(
      `${this.name} is there`,
      BORN_WITHIN_MS,
      () => this.state === 'gone' || this.lines.length > 0,
    );
    this.dismissed ??= 'stop';
    this.#signal('SIGTERM');
    return within(`the orderly end of ${this.name}`, withinMs, this.ended);
  }

  /** Never a number that may belong to another process by now. */
  #signal(signal: NodeJS.Signals): void {
    if (this.state !== 'gone') this.#child.kill(signal);
  }
}

export class Fleet implements AsyncDisposable {
  readonly members: Member[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'shardpool-fleet-'));
  readonly #parts: FleetParts;
  readonly #lives = new Map<string, number>();
  /** However this process ends, it leaves none behind. */
  readonly #killAll = () => {
    for (const member of this.alive()) process.kill(member.pid, 'SIGKILL');
  };

  constructor(parts: FleetParts) {
    this.#parts = parts;
    process.once('exit', this.#killAll);
  }

  /** Another process; one with the same instance id may be there already. */
  start(instanceId: string, changes: MemberChanges = {}): Member {
    const life = (this.#lives.get(instanceId) ?? 0) + 1;
    this.#lives.set(instanceId, life);
    const { consumer, store, pace = AT_ONCE } = this.#parts;
    const member = new Member(instanceId, life, this.folder, {
      consumer: { ...consumer, ...changes.consumer },
      store: changes.store ?? store,
      pace: changes.pace ?? pace,
    });
    this.members.push(member);
    return member;
  }

  /** Those whose process is there, paused ones too. */
  alive(instanceId?: string): Member[] {
    return this.members.filter(
      (member) => member.state !== 'gone' && (instanceId === undefined || member.instanceId === instanceId),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.alive().map((member) => member.kill()));
    process.off('exit', this.#killAll);
    for (const { log } of this.members) log[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
