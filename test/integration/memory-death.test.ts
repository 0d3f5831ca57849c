// Threads that run out of memory: the process lives, and nothing is lost.

import { expect } from 'chai';
import { addressOf } from '../support/consumer-run.ts';
import { type SimulatedServer, simulatedServer } from '../support/kinesis-server.ts';
import { runProgram } from '../support/program.ts';

/** A heap this small is full soon. It holds for each thread by itself. */
const FLAGS = ['--max-old-space-size=96'];
const WITHIN_MS = 60_000;
const RECORDS = 200;

describe('a thread that runs out of memory', function () {
  this.timeout(90_000);
  let server: SimulatedServer;

  before(async () => {
    server = await simulatedServer();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  // Later versions may end the whole process instead of the thread, which no library can help.
  const kinds = process.version.startsWith('v20.') ? (['fetch', 'handler'] as const) : [];
  for (const kind of kinds) {
    it(`is a ${kind} thread`, async function () {
      // Later versions may end the whole process there, which no library can help.
      const stream = `orders-${kind}`;
      await server.createStream(stream, 4);
      const values = Array.from({ length: RECORDS }, (_, n) => ({
        key: `key-${n % 50}`,
        n,
        ...(n === RECORDS / 2 ? { cell: 0, deadly: { kind, way: 'memory' } } : {}),
      }));
      const records = values.map((value) => ({
        partitionKey: value.key,
        data: Buffer.from(JSON.stringify(value)),
      }));
      await server.put(stream, records);
      const input = {
        ...addressOf(server),
        stream,
        threads: 2,
        handlerThreads: 2,
        batch: { maxRecords: 10 },
        records: RECORDS,
      };
      const end = await runProgram('memory-death', input, WITHIN_MS, FLAGS);
      const [death, delivered] = end.lines;
      expect(death).to.include({ died: kind });
      expect(delivered).to.include({ distinct: RECORDS });
      if (kind === 'fetch') expect(delivered).to.include({ delivered: RECORDS });
      expect(end.code).to.equal(0);
      this.test!.title += ` (all delivered ${Math.round(delivered!['afterMs'] as number)} ms later)`;
    });
  }
});
