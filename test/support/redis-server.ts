// Starts a redis-server of its own on a free port of 127.0.0.1, with a temporary folder that goes with it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureRedis } from './ensure-redis.ts';
import { until } from './until.ts';

export interface RedisServerSettings {
  /** As in redis.conf; a list where a setting comes several times. */
  readonly settings?: Readonly<Record<string, string | readonly string[]>>;
  /** Every write is on disk before it is answered, so a restart forgets nothing. */
  readonly isDurable?: boolean;
  /** Of the default user. */
  readonly password?: string;
  /** Only TLS, with a certificate of its own for 127.0.0.1 and localhost. */
  readonly isTls?: boolean;
  readonly isSentinel?: boolean;
  /** Default: a free one. */
  readonly port?: number;
}

export interface RedisServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Of the certificate, in PEM; null without TLS. */
  readonly ca: string | null;
  /** What redis-cli prints; as the default user. */
  cli(...args: readonly string[]): Promise<string>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** SIGKILL: what was not on disk is gone. */
  kill(): Promise<void>;
  /** On the same port and folder, after `kill` or `stop`. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_WITHIN_MS = 15_000;
const run = promisify(execFile);

export async function startRedisServer(options: RedisServerSettings = {}): Promise<RedisServer> {
  await ensureRedis();
  const folder = await mkdtemp(join(tmpdir(), 'shardpool-redis-'));
  const ca = options.isTls === true ? await makeCertificate(folder) : null;
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    try {
      return await startAt(port, folder, ca, options);
    } catch (error) {
      // Somebody may have been faster with the port.
      if (options.port === undefined && attempt < 5 && /in use/.test(String(error))) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

async function startAt(
  port: number,
  folder: string,
  ca: string | null,
  options: RedisServerSettings,
): Promise<RedisServer> {
  const config = join(folder, 'redis.conf');
  await writeFile(config, configuration(port, folder, options));
  const ownCli = [
    '-h',
    HOST,
    '-p',
    String(port),
    ...(ca === null ? [] : ['--tls', '--cacert', join(folder, 'ca.crt')]),
    ...(options.password === undefined ? [] : ['--no-auth-warning', '-a', options.password]),
  ];
  const cli = async (...args: readonly string[]) => {
    const { stdout } = await run('redis-cli', [...ownCli, ...args], { timeout: 5_000 });
    return stdout.trimEnd();
  };
  let child: ChildProcess;
  let gone: Promise<void>;
  const start = async () => {
    child = spawn(options.isSentinel === true ? 'redis-sentinel' : 'redis-server', [config], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const mine = child;
    let log = '';
    mine.stdout?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
    let isGone = false;
    gone = new Promise((resolve) => {
      mine.once('error', () => resolve());
      mine.once('exit', () => {
        isGone = true;
        resolve();
      });
    });
    // However this process ends, neither server nor folder outlives it: the watchdog's pipe closes with it.
    const watchdog = spawn('sh', ['-c', 'read _; kill -9 "$1"; rm -r "$2"', 'sh', String(mine.pid), folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    watchdog.on('error', () => undefined);
    void gone.then(() => watchdog.kill('SIGKILL'));
    await until(`redis-server answers at port ${port}`, START_WITHIN_MS, async () => {
      if (isGone) throw new Error(`redis-server ended: ${log}`);
      return cli('PING').then(
        (answer) => /PONG|NOAUTH|NOPERM/.test(answer),
        () => false,
      );
    });
  };
  const kill = async () => {
    // A stopped one is killed too.
    child.kill('SIGKILL');
    await gone;
  };
  const stop = async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  await start();
  return {
    host: HOST,
    port,
    get pid() {
      return child.pid!;
    },
    ca,
    cli,
    signal: (name) => void child.kill(name),
    kill,
    restart: start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(port: number, folder: string, options: RedisServerSettings): string {
  const { isDurable = false, isTls = false, isSentinel = false, password, settings = {} } = options;
  const lines = [
    `bind ${HOST}`,
    `port ${isTls ? 0 : port}`,
    `dir ${folder}`,
    'daemonize no',
    ...(isSentinel ? [] : ['save ""', `appendonly ${isDurable ? 'yes' : 'no'}`, 'appendfsync always']),
    // Replicas get the data over their sockets, at once.
    ...(isSentinel ? [] : ['repl-diskless-sync yes', 'repl-diskless-sync-delay 0']),
    ...(password === undefined ? [] : [`requirepass ${password}`]),
    ...(isTls
      ? [
          `tls-port ${port}`,
          `tls-cert-file ${join(folder, 'server.crt')}`,
          `tls-key-file ${join(folder, 'server.key')}`,
          `tls-ca-cert-file ${join(folder, 'ca.crt')}`,
          'tls-auth-clients no',
        ]
      : []),
    ...Object.entries(settings).flatMap(([name, value]) =>
      (typeof value === 'string' ? [value] : value).map((each) => `${name} ${each}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const LOWEST_PORT = 12_000;

/**
 * Free when it was asked for, and from below what the system gives out by itself: a server that is killed finds its port again. Its
 * bus, in a cluster, listens 10 000 above.
 */
export function freePort(below = 32_000): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', () => void freePort(below).then(resolve, reject));
    server.listen(LOWEST_PORT + Math.floor(Math.random() * (below - LOWEST_PORT)), HOST, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function makeCertificate(folder: string): Promise<string> {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) => run('openssl', [...args], { cwd: folder });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    '/CN=shardpool test',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  await openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.crt');
  const { stdout } = await run('cat', [at('ca.crt')]);
  return stdout;
}
