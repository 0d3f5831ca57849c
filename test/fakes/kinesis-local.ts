// Starts the third-party emulator kinesis-local in a thread, on free ports of 127.0.0.1.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';

export interface KinesisLocal extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

const PLAIN_PORT = 4568;
const START_DEADLINE_MS = 20_000;

// It listens on 0.0.0.0 at the ports it is told. Inside its thread every server gets a free port on loopback instead,
// and tells us which one it got for the one it asked for.
const BOOTSTRAP = `
const net = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const wanted = typeof first === 'object' && first !== null ? first.port : first;
  const callback = rest.find((argument) => typeof argument === 'function');
  this.once('listening', () => parentPort.postMessage({ wanted: Number(wanted), port: this.address().port }));
  return listen.call(this, { port: 0, host: '127.0.0.1' }, callback);
};
require(workerData);
`;

export async function startKinesisLocal(): Promise<KinesisLocal> {
  const main = createRequire(import.meta.url).resolve('kinesis-local');
  const worker = new Worker(BOOTSTRAP, {
    eval: true,
    workerData: main,
    stdout: true,
    stderr: true,
    // A clean environment: it reads many variables, and proxies or AWS settings of the host are none of its business.
    env: {
      KINESIS_MOCK_CERT_PATH: join(dirname(main), 'server.json'),
      KINESIS_MOCK_PLAIN_PORT: String(PLAIN_PORT),
      KINESIS_MOCK_TLS_PORT: String(PLAIN_PORT - 1),
      SHARD_LIMIT: '1000',
      CREATE_STREAM_DURATION: '5ms',
      DELETE_STREAM_DURATION: '5ms',
      SPLIT_SHARD_DURATION: '5ms',
      MERGE_SHARDS_DURATION: '5ms',
      UPDATE_SHARD_COUNT_DURATION: '5ms',
      LOG_LEVEL: 'ERROR',
    },
  });
  // Piped and thrown away, or its start-up chatter would fill the pipe and the test output.
  worker.stdout.resume();
  worker.stderr.resume();
  const stop = async () => {
    await worker.terminate();
  };
  try {
    const port = await plainPort(worker);
    return {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function plainPort(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => {
      reject(new Error(`kinesis-local did not listen within ${START_DEADLINE_MS} ms`));
    }, START_DEADLINE_MS);
    const settle = (action: () => void) => {
      clearTimeout(deadline);
      action();
    };
    worker.on('message', ({ wanted, port }: { wanted: number; port: number }) => {
      if (wanted === PLAIN_PORT) settle(() => resolve(port));
    });
    worker.on('error', (error) => settle(() => reject(error)));
    worker.on('exit', (code) => settle(() => reject(new Error(`kinesis-local ended with code ${code}`))));
  });
}
