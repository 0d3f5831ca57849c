// A process that was stopped for longer than its leases hold: when it goes on, it hands out nothing under them.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 20_000;
const LEASE_MS = 2_000;
const PAUSE_MS = 4_000;

interface Line {
  readonly at?: number;
  readonly token?: number;
  readonly numbers?: readonly number[];
  readonly lost?: string;
  readonly ready?: number;
}

describe('a process that is stopped and continued', function () {
  this.timeout(60_000);
  let server: SimulatedServer;

  beforeEach(async () => {
    server = await simulatedServer();
    await server.createStream('orders', 1);
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  for (const module of [undefined, 'saying']) {
    it(`delivers nothing under the leases of before, handler in ${module === undefined ? 'main' : 'a thread'}`, async function () {
      const file = fileURLToPath(new URL('./programs/paused-run.js', import.meta.url));
      const handlerThreads = module === undefined ? 0 : 1;
      const input = {
        ...addressOf(server),
        stream: 'orders',
        threads: 1,
        leaseDurationMs: LEASE_MS,
        batch: { maxRecords: 5 },
        recordLimit: 20,
        module,
        handlerThreads,
      };
      const child = spawn(process.execPath, [file, JSON.stringify(input)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      const lines = () =>
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Line);
      const batches = () => lines().filter(({ numbers }) => numbers !== undefined);
      const numbers = () => new Set(batches().flatMap(({ numbers: each }) => each!));
      let written = 0;
      const write = async (count: number) => {
        const records = Array.from({ length: count }, () => ({
          partitionKey: 'k',
          data: Buffer.from(String(written++)),
        }));
        await server.put('orders', records);
      };
      try {
        await until('it reads', WITHIN_MS, () => lines().some(({ ready }) => ready !== undefined));
        // Enough for it to be in the middle of it, in every place between the page and the handler.
        await write(600);
        await until('it is in the middle', WITHIN_MS, () => batches().length > 5);
        child.kill('SIGSTOP');
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        await write(10);
        const stoppedAt = Math.max(...batches().map(({ at }) => at!));
        const before = batches().length;
        child.kill('SIGCONT');
        await until('everything was delivered', WITHIN_MS, () => numbers().size === written);
        const after = batches().slice(before);
        const oldToken = batches()[0]!.token!;
        const late = after.filter(({ token }) => token === oldToken);
        // One call may have been under way, at the very moment of the stop.
        expect(late.filter(({ at }) => at! > stoppedAt + PAUSE_MS / 2)).to.deep.equal([]);
        expect(after.at(-1)!.token).to.be.greaterThan(oldToken);
        expect(lines().filter(({ lost }) => lost !== undefined)).to.have.length(1);
        this.test!.title +=
          ` (${batches().flatMap(({ numbers: each }) => each!).length - written} of ${written} twice)`;
      } finally {
        child.kill('SIGTERM');
      }
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).to.equal(0);
    });
  }
});
