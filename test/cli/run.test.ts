// `shardpool run` against a simulator: records reach the handler, and every end is the one that was asked for.

import { expect } from 'chai';
import { startSimulator, type Simulator } from '../../src/testing/index.ts';
import { type Cli, cli, killAll, simulatorEnvironment } from './cli-process.ts';
import { tempFolder, type TempFolder } from './temp-folder.ts';

const PRINT = `export default async (batch) => {
  for (const { value, partitionKey } of batch) console.log('got', partitionKey, value.n);
};`;
/** Prints once, and then never returns. */
const HANG = `export default () => {
  console.log('hanging');
  return new Promise(() => setInterval(() => {}, 1000));
};`;
const FAIL_ONCE = `let calls = 0;
export default (batch) => {
  if (++calls === 1) throw new Error('not yet');
  console.log('got', batch.length, 'records');
};`;

describe('cli: run', function () {
  this.timeout(60_000);
  let simulator: Simulator;
  let folder: TempFolder;
  let count = 0;
  let stream: string;

  before(async () => {
    folder = tempFolder({ 'print.mjs': PRINT, 'hang.mjs': HANG, 'fail-once.mjs': FAIL_ONCE });
    simulator = await startSimulator();
  });
  after(async () => {
    folder[Symbol.dispose]();
    await simulator.stop();
  });
  afterEach(killAll);

  beforeEach(async () => {
    stream = `run-${(count += 1)}`;
    await simulator.createStream(stream, { shards: 2 });
    const records = Array.from({ length: 10 }, (_, n) => ({
      data: Buffer.from(JSON.stringify({ n })),
      partitionKey: `key-${n}`,
    }));
    await simulator.put(stream, records);
  });

  const run = (module: string, ...args: string[]): Cli =>
    cli(['run', module, '--stream', stream, ...args], {
      cwd: folder.path,
      env: simulatorEnvironment(simulator),
    });

  for (const [signal, threads] of [
    ['SIGINT', '1'],
    ['SIGTERM', '2'],
    ['SIGINT', '0'],
  ] as const) {
    it(`prints events and ends cleanly on ${signal}, with ${threads} handler threads`, async () => {
      const consumer = run('./print.mjs', '--handler-threads', threads);
      await Promise.all(
        Array.from({ length: 10 }, (_, n) => consumer.line(new RegExp(`^got key-${n} ${n}$`))),
      );
      await consumer.line(/^ready$/);
      consumer.child.kill(signal);
      const { code, stdout, stderr } = await consumer.exit();
      expect(code, stderr).to.equal(0);
      expect(stderr).to.not.include('shardpool: ');
      expect(stdout).to.match(/^shard shardId-000000000000 starts at TRIM_HORIZON on fetch thread \d$/m);
      expect(stdout).to.match(/^stopped\nsummary: ran [\d.]+ s, 2 shard starts, /m);
      expect(stdout.match(/^got /gm)).to.have.length(10);
    });
  }

  it('ends at once with 130 on a second signal', async () => {
    const consumer = run('hang.mjs', '--drain-deadline-ms', '600000');
    await consumer.line(/^hanging$/);
    consumer.child.kill('SIGINT');
    await consumer.line(/^stopping/);
    consumer.child.kill('SIGINT');
    expect((await consumer.exit()).code).to.equal(130);
  });

  it('ends with ERR_TIMEOUT when handlers did not finish in time', async () => {
    const consumer = run('hang.mjs', '--drain-deadline-ms', '100');
    await consumer.line(/^hanging$/);
    consumer.child.kill('SIGINT');
    const { code, stdout, stderr } = await consumer.exit();
    expect(stdout).to.match(/^stopped, with \d handler calls that did not finish in time$/m);
    expect(stderr).to.match(/^shardpool: ERR_TIMEOUT: \d handler calls/m);
    expect(code).to.equal(1);
  });

  it('stops by itself once nothing came for the idle time-out', async () => {
    const { code, stdout, stderr } = await run('print.mjs', '--idle-timeout-ms', '300').exit();
    expect(code, stderr).to.equal(0);
    expect(stdout.match(/^got /gm)).to.have.length(10);
  });

  it('reads from a date on', async () => {
    const start = new Date(Date.now() - 3_600_000).toISOString();
    const { code, stdout, stderr } = await run(
      'print.mjs',
      '--start',
      start,
      '--idle-timeout-ms',
      '300',
    ).exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include(`starts at AT_TIMESTAMP ${start}`);
    expect(stdout.match(/^got /gm)).to.have.length(10);
  });

  it('reports a handler that fails, and calls it again', async () => {
    const consumer = run('fail-once.mjs', '--max-shards', '1', '--on-failure-min-delay-ms', '1');
    await consumer.line(/^the handler failed with \d+ records .*not yet/);
    await consumer.line(/^got \d+ records$/);
    consumer.child.kill('SIGINT');
    expect((await consumer.exit()).code).to.equal(0);
  });

  it('ends with ERR_STREAM_NOT_FOUND for a stream that is missing', async () => {
    stream = 'missing';
    const { code, stderr } = await run('print.mjs').exit();
    expect(code).to.equal(1);
    expect(stderr).to.match(/^shardpool: ERR_STREAM_NOT_FOUND: .*missing/m);
  });

  it('ends when nobody reads its output any more', async () => {
    const consumer = run('print.mjs');
    await consumer.line(/^ready$/);
    consumer.child.stdout?.destroy();
    await simulator.put(stream, [{ data: Buffer.from('{"n":1}'), partitionKey: 'late' }]);
    const { code, stderr } = await consumer.exit();
    expect(code).to.equal(141);
    expect(stderr).to.equal('');
  });

  it('creates a missing stream when asked to', async () => {
    stream = `created-${process.pid}`;
    const consumer = run('print.mjs', '--create-stream', '3');
    await consumer.line(/^ready$/);
    expect(await simulator.shards(stream)).to.have.length(3);
    consumer.child.kill('SIGINT');
    expect((await consumer.exit()).code).to.equal(0);
  });
});
