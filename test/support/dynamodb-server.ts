// Servers that speak DynamoDB, on loopback, for tests: dynoxide in a process of its own, and dynalite in this one.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface DynamodbServer extends AsyncDisposable {
  readonly title: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Ends it; what it held is gone. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 10_000;
/** Between the choice of a free port and its use somebody else may take it. */
const START_ATTEMPTS = 3;

/** Everything in memory. Throws a sentence that says what to do where this platform has none. */
export async function startDynoxide(): Promise<DynamodbServer> {
  const binary = dynoxideBinary();
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn(binary, ['serve', '--host', '127.0.0.1', '--port', String(port)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // A test run that ends by itself, however it went, leaves none behind.
    const kill = () => void child.kill('SIGKILL');
    process.once('exit', kill);
    const stop = async () => {
      process.off('exit', kill);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      kill();
      await closed;
    };
    try {
      await listening(child);
      return serverAt('dynoxide', port, stop);
    } catch (error) {
      await stop();
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

export async function startDynalite(): Promise<DynamodbServer> {
  const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;
  const server = dynalite({ createTableMs: 20, deleteTableMs: 20 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return serverAt('dynalite', (server.address() as AddressInfo).port, stop);
}

export const DYNAMODB_SERVERS = [
  { title: 'dynoxide', start: startDynoxide },
  { title: 'dynalite', start: startDynalite },
] as const;

function serverAt(title: string, port: number, stop: () => Promise<void>): DynamodbServer {
  return {
    title,
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function dynoxideBinary(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${name}/dynoxide`);
  } catch (cause) {
    throw new Error(
      `The DynamoDB tests need the server dynoxide: run \`npm ci\` with optional dependencies on linux-x64, or install ${name}`,
      { cause },
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What it says is read to the end, or its pipes would fill. */
function listening(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      clearTimeout(deadline);
      reject(new Error(`dynoxide ${what}: ${said.join(' ')}`));
    };
    const deadline = setTimeout(
      () => fail(`did not listen within ${START_DEADLINE_MS} ms`),
      START_DEADLINE_MS,
    );
    child.once('error', (error) => fail(`did not start (${error.message})`));
    child.once('exit', (code) => fail(`ended with code ${code}`));
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface(stream).on('line', (line) => {
        if (said.length < 20) said.push(line);
        if (!line.includes('listening on')) return;
        clearTimeout(deadline);
        resolve();
      });
    }
  });
}
