// A folder for generated files, inside of dist so that `import 'shardpool'` means this project, and what runs in it.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { ROOT } from './pages.ts';

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly env?: Readonly<Record<string, string>>;
  /** Looked at after each output; true once has SIGTERM sent. */
  readonly isEnough?: (stdout: string) => boolean;
}

export interface Workshop {
  readonly folder: string;
  write(name: string, text: string): string;
  /** Runs node on a file and waits for its end, under a deadline. */
  run(args: readonly string[], running?: Running): Promise<Outcome>;
  /** Checks every TypeScript file of the folder; lines of the compiler by file name. */
  typeCheck(): Promise<Map<string, string[]>>;
  remove(): void;
}

const DEADLINE_MS = 20_000;

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    typeRoots: [`${ROOT}node_modules/@types`],
  },
  include: ['*.ts'],
};

export function openWorkshop(): Workshop {
  mkdirSync(`${ROOT}dist/snippets`, { recursive: true });
  const folder = mkdtempSync(`${ROOT}dist/snippets/`);

  const run = (args: readonly string[], { env = {}, isEnough }: Running = {}): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
      const child = spawn(process.execPath, args, {
        cwd: folder,
        env: { ...Object.fromEntries(inherited), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
      let stdout = '';
      let stderr = '';
      let told = false;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        if (told || isEnough?.(stdout) !== true) return;
        told = true;
        child.kill('SIGTERM');
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(deadline);
        resolve({ code, signal, stdout, stderr });
      });
    });

  return {
    folder,
    write(name, text) {
      writeFileSync(`${folder}/${name}`, text);
      return name;
    },
    run,
    async typeCheck() {
      writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(TSCONFIG));
      const { code, stdout, stderr } = await run([
        `${ROOT}node_modules/typescript/bin/tsc`,
        '--pretty',
        'false',
      ]);
      const found = new Map<string, string[]>();
      for (const line of stdout.split('\n')) {
        const [, name, at, text] = /^([^(\s]+)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
        if (name !== undefined) found.set(name, [...(found.get(name) ?? []), `line ${at}: ${text}`]);
      }
      // Anything else is about the check itself.
      if (code !== 0 && found.size === 0) throw new Error(`The compiler failed: ${stdout}${stderr}`);
      return found;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
