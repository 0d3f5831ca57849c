// Only a process that is certainly gone counts as gone: real ones, alive, killed and not yet collected.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isProcessGone } from '../../src/platform/process-gone.ts';
import { until } from '../support/until.ts';

const OWN = { host: 'host-a', boot: 'boot-1/pid:[1]' };
const sleeper = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });

describe('isProcessGone', () => {
  it('a process that was killed is gone; before that it is not', async () => {
    const child = sleeper();
    const pid = child.pid!;
    expect(isProcessGone({ ...OWN, pid }, OWN)).to.equal(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isProcessGone({ ...OWN, pid }, OWN)).to.equal(true);
  });

  it('a stopped process is not gone', async () => {
    const child = sleeper();
    child.kill('SIGSTOP');
    expect(isProcessGone({ ...OWN, pid: child.pid! }, OWN)).to.equal(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });

  it('nothing is concluded for another host, another boot, an unknown boot, or a number that is no process', async () => {
    const child = sleeper();
    const pid = child.pid!;
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isProcessGone({ ...OWN, host: 'host-b', pid }, OWN)).to.equal(false);
    expect(isProcessGone({ ...OWN, boot: 'boot-2', pid }, OWN)).to.equal(false);
    expect(isProcessGone({ host: 'host-a', boot: '', pid }, { host: 'host-a', boot: '' })).to.equal(false);
    for (const none of [0, -pid, 1.5, Number.NaN]) {
      expect(isProcessGone({ ...OWN, pid: none }, OWN), String(none)).to.equal(false);
    }
  });

  it('this process and the first one of the system are there, whoever owns them', () => {
    expect(isProcessGone({ ...OWN, pid: process.pid }, OWN)).to.equal(false);
    expect(isProcessGone({ ...OWN, pid: 1 }, OWN)).to.equal(false);
  });

  // Other systems do not say.
  (process.platform === 'linux' ? it : () => undefined)(
    'one that its parent has not collected is gone',
    async () => {
      // The shell becomes a program that never collects the child that the shell had.
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let text = '';
      parent.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      try {
        const pid = await until('the shell told the pid', 10_000, () => Number.parseInt(text, 10) || null);
        await until('the child is a zombie', 10_000, () =>
          /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')),
        );
        expect(isProcessGone({ ...OWN, pid }, OWN)).to.equal(true);
      } finally {
        parent.kill('SIGKILL');
        await once(parent, 'close');
      }
    },
  );
});
