// `shardpool simulator` and the examples: what a newcomer types, as it is typed.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { cli, type Cli, killAll, PACKAGE, script } from './cli-process.ts';

const EXAMPLES = ['print-orders.mjs', 'for-await.mjs', 'handler-threads.mjs'] as const;
const example = (name: (typeof EXAMPLES)[number]) => fileURLToPath(new URL(`examples/${name}`, PACKAGE));
const ORDER = /customer-\d \{"n":\d+,"at":"[^"]+","total":\d+\}$/;

async function exportsOf(simulator: Cli): Promise<Record<string, string>> {
  await simulator.line(/^export AWS_SECRET_ACCESS_KEY=/);
  const names = ['AWS_ENDPOINT_URL_KINESIS', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
  const lines = await Promise.all(names.map((name) => simulator.line(new RegExp(`^export ${name}=`))));
  return Object.fromEntries(lines.map((line) => line.slice('export '.length).split(/=(.*)/).slice(0, 2)));
}

describe('cli: simulator', function () {
  this.timeout(60_000);
  afterEach(killAll);

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`runs until ${signal}`, async () => {
      const simulator = cli(['simulator', '--shards', '3', '--stream', 'mine', '--region', 'eu-west-1']);
      await simulator.line(/^Stream mine has 3 shards\.$/);
      expect((await exportsOf(simulator))['AWS_REGION']).to.equal('eu-west-1');
      simulator.child.kill(signal);
      const { code, stderr } = await simulator.exit();
      expect(code, stderr).to.equal(0);
      expect(stderr).to.equal('');
    });
  }

  it('ends with an error when its port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { code, stderr } = await cli(['simulator', '--port', String(address.port)]).exit();
    server.close();
    expect(code).to.equal(1);
    expect(stderr).to.include(
      `shardpool: ERR_CONNECTION: The simulator could not listen on 127.0.0.1:${address.port}`,
    );
  });
});

describe('examples', function () {
  this.timeout(60_000);
  let simulator: Cli;
  let env: Record<string, string>;

  before(async () => {
    simulator = cli(['simulator', '--feed', '20'], { deadlineMs: 50_000 });
    env = await exportsOf(simulator);
  });
  after(async () => {
    simulator.child.kill('SIGINT');
    expect((await simulator.exit()).code).to.equal(0);
    killAll();
  });

  it('are short', () => {
    for (const name of EXAMPLES) {
      expect(readFileSync(example(name), 'utf8').split('\n').length, name).to.be.below(40);
    }
  });

  it('print-orders.mjs prints orders under `shardpool run`', async () => {
    const run = cli(['run', 'examples/print-orders.mjs', '--stream', 'orders'], { env });
    await run.line(ORDER);
    await run.line(/^shardId-000000000001: start$/);
    run.child.kill('SIGINT');
    const { code, stderr } = await run.exit();
    expect(code, stderr).to.equal(0);
  });

  it('for-await.mjs reads until it is stopped', async () => {
    const loop = script(example('for-await.mjs'), [], { env });
    await loop.line(ORDER);
    loop.child.kill('SIGINT');
    const { code, stdout, stderr } = await loop.exit();
    expect(code, stderr).to.equal(0);
    const printed = stdout.split('\n').filter((line) => ORDER.test(line)).length;
    expect(stdout).to.include(`\n${printed} records\n`);
  });

  it('handler-threads.mjs handles orders in threads', async () => {
    const threads = script(example('handler-threads.mjs'), ['orders'], { env });
    await threads.line(/^shardId-000000000000 is read by thread 0$/);
    await threads.line(ORDER);
    threads.child.kill('SIGINT');
    const { code, stdout, stderr } = await threads.exit();
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^stopped$/m);
  });
});
