// The same in all processes of one boot and one space of process ids, and empty where the system does not say.

import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { bootId } from '../../src/platform/boot-id.ts';

const FILE = new URL('../../src/platform/boot-id.js', import.meta.url).href;
const SOURCE = `import { bootId } from ${JSON.stringify(FILE)}; console.log(JSON.stringify(bootId()));`;

describe('bootId', () => {
  it('names the boot and the space of process ids on Linux, and nothing elsewhere', () => {
    if (process.platform === 'linux') {
      expect(bootId()).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/pid:\[\d+\]$/);
    } else {
      expect(bootId()).to.equal('');
    }
  });

  it('is the same each time, and in another process of this boot', () => {
    expect(bootId()).to.equal(bootId());
    const theirs = execFileSync(process.execPath, ['--input-type=module', '-e', SOURCE], {
      encoding: 'utf8',
    });
    expect(JSON.parse(theirs)).to.equal(bootId());
  });
});
