// `shardpool run` with a handler that fails: where it failed is on standard error, once.

import { expect } from 'chai';
import { startSimulator, type Simulator } from '../../src/testing/index.ts';
import { cli, killAll, simulatorEnvironment } from './cli-process.ts';
import { tempFolder, type TempFolder } from './temp-folder.ts';

const FAIL = `export default function failing() {
  throw new TypeError('no total');
}`;

describe('cli: a handler that fails', function () {
  this.timeout(30_000);
  let simulator: Simulator;
  let folder: TempFolder;

  before(async () => {
    folder = tempFolder({ 'fail.mjs': FAIL });
    simulator = await startSimulator();
    await simulator.createStream('orders', { shards: 1 });
    await simulator.put('orders', [{ data: Buffer.from('{}'), partitionKey: 'a' }]);
  });
  after(async () => {
    folder[Symbol.dispose]();
    await simulator.stop();
  });
  afterEach(killAll);

  for (const threads of ['1', '0']) {
    it(`shows the stack of its error once, with ${threads} handler threads`, async () => {
      const args = ['--handler-threads', threads, '--on-failure-min-delay-ms', '1'];
      const consumer = cli(['run', 'fail.mjs', '--stream', 'orders', ...args], {
        cwd: folder.path,
        env: simulatorEnvironment(simulator),
      });
      await consumer.line(/^the handler failed with 1 records .*attempt 3: no total/);
      consumer.child.kill('SIGINT');
      const { code, stderr } = await consumer.exit();
      expect(code, stderr).to.equal(0);
      expect(
        stderr.match(/^TypeError: no total\n +at .*failing.* \(file:.*fail\.mjs:2:9\)$/gm),
      ).to.have.length(1);
    });
  }
});
