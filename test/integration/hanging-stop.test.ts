// Whatever hangs: a stop comes to its end soon after its deadline, and the process ends by itself.

import { expect } from 'chai';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { runProgram } from '../support/program.ts';

const WITHIN_MS = 30_000;
const DEADLINE_MS = 700;

/** `late`: handlers that had not finished. `clean`: the coordinator gave the leases back. `extraMs`: beyond the deadline. */
const HANGS = [
  { hang: 'none', handlerThreads: 0, late: 0, clean: true, extraMs: 500 },
  { hang: 'none', handlerThreads: 2, late: 0, clean: true, extraMs: 500 },
  { hang: 'fetch', handlerThreads: 0, late: 0, clean: true, extraMs: 1_500 },
  { hang: 'fetch', handlerThreads: 1, late: 0, clean: true, extraMs: 1_500 },
  { hang: 'handler', handlerThreads: 0, late: 1, clean: true, extraMs: 2_500 },
  { hang: 'handler', handlerThreads: 1, late: 1, clean: true, extraMs: 4_500 },
  { hang: 'handler-loop', handlerThreads: 1, late: 1, clean: true, extraMs: 5_500 },
  { hang: 'coordinator', handlerThreads: 0, late: 0, clean: false, extraMs: 4_000 },
  { hang: 'coordinator', handlerThreads: 1, late: 0, clean: false, extraMs: 6_000 },
] as const;

describe('a stop while a thread hangs', function () {
  this.timeout(60_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer();
    await server.createStream('orders', 1);
    const deadly = ['fetch', 'handler'].map((kind, n) => ({
      key: 'k',
      n,
      cell: 0,
      deadly: { kind, way: 'loop' },
    }));
    const records = deadly.map((value) => ({ partitionKey: 'k', data: Buffer.from(JSON.stringify(value)) }));
    await server.put('orders', records);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  for (const { hang, handlerThreads, late, clean, extraMs } of HANGS) {
    const where = handlerThreads === 0 ? 'handler in main' : 'handler in a thread';
    it(`${hang}, ${where}`, async function () {
      const input = {
        ...addressOf(server),
        stream: 'orders',
        threads: 1,
        handlerThreads,
        hang,
        deadlineMs: DEADLINE_MS,
      };
      const end = await runProgram('hanging-stop', input, WITHIN_MS);
      expect(end.stderr).to.equal('');
      expect(end.code).to.equal(0);
      const [first, second] = end.lines;
      const tookMs = second!['tookMs'] as number;
      this.test!.title +=
        ` (deadline ${DEADLINE_MS} ms, took ${Math.round(tookMs)} ms, ended ${Math.round(end.lingeredMs)} ms later)`;
      expect(first!['stopped']).to.deep.equal({ late, clean });
      expect(tookMs).to.be.below(DEADLINE_MS + extraMs);
      expect(end.lingeredMs).to.be.below(2_000);
    });
  }
});
