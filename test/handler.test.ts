// How a handler is found, and the errors when there is none.

import { expect } from 'chai';
import { pathToFileURL } from 'node:url';
import { defineHandler, handlerModuleUrl, importHandler, toHandler } from '../src/handler.ts';
import { ShardpoolError } from '../src/model/errors.ts';

const moduleOf = (source: string): string => `data:text/javascript,${encodeURIComponent(source)}`;

function thrownBy(call: () => unknown): ShardpoolError {
  try {
    call();
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError);
    return error as ShardpoolError;
  }
  throw new Error('nothing was thrown');
}

async function rejectionOf(promise: Promise<unknown>): Promise<ShardpoolError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(ShardpoolError);
  return error as ShardpoolError;
}

describe('defineHandler', () => {
  const handle = () => undefined;

  it('keeps the function and its hooks', () => {
    const setup = () => undefined;
    expect(defineHandler(handle, { setup })).to.deep.equal({ handle, setup });
    expect(defineHandler(handle)).to.deep.equal({ handle });
  });

  for (const bad of [undefined, null, 'x', 1, {}]) {
    it(`refuses ${JSON.stringify(bad)} as function`, () => {
      const error = thrownBy(() => defineHandler(bad as never));
      expect(error.code).to.equal('ERR_INVALID_HANDLER');
      expect(error.message).to.match(/^Expected a function as handler in defineHandler, got `.+`$/);
    });
  }

  for (const hook of ['setup', 'teardown', 'onShardStart', 'onShardEnd']) {
    it(`refuses a ${hook} that is no function, and takes undefined`, () => {
      const error = thrownBy(() => defineHandler(handle, { [hook]: 'soon' }));
      expect(error).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected \`${hook}\` in defineHandler to be a function, got \`soon\``,
      });
      defineHandler(handle, { [hook]: undefined });
    });
  }
});

describe('toHandler', () => {
  it('takes a function or a defined handler', () => {
    const handle = () => undefined;
    expect(toHandler(handle, 'x')).to.deep.equal({ handle });
    const defined = defineHandler(handle);
    expect(toHandler(defined, 'x')).to.equal(defined);
  });

  for (const [bad, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [{ handler: 1 }, '[object Object]'],
  ] as const) {
    it(`refuses ${shown}, and says where`, () => {
      expect(thrownBy(() => toHandler(bad, 'the handler'))).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected the handler to be a function or the result of defineHandler(...), got \`${shown}\``,
      });
    });
  }

  it('says of a text how a module is named', () => {
    expect(thrownBy(() => toHandler('./handler.js', 'the handler')).message).to.match(
      /got `\.\/handler\.js`; a module is named by its URL or its absolute path$/,
    );
  });

  it('refuses an object whose handle is no function', () => {
    expect(thrownBy(() => toHandler({ handle: 5 }, 'it')).message).to.equal(
      'Expected a function as handler in it, got `5`',
    );
  });
});

describe('handlerModuleUrl', () => {
  it('takes URLs, their text and absolute paths, and nothing else', () => {
    expect(handlerModuleUrl(new URL('file:///a/b.js'))).to.equal('file:///a/b.js');
    expect(handlerModuleUrl('file:///a/b.js')).to.equal('file:///a/b.js');
    expect(handlerModuleUrl('/a/b c.js')).to.equal(pathToFileURL('/a/b c.js').href);
    for (const other of ['./b.js', 'package', '', undefined, null, () => undefined, {}]) {
      expect(handlerModuleUrl(other)).to.equal(null);
    }
  });
});

describe('importHandler', () => {
  it('imports functions and defined handlers', async () => {
    const plain = await importHandler(moduleOf('export default () => 7'));
    expect(plain.handle(null as never, null as never)).to.equal(7);
    const defined = await importHandler(moduleOf('export default { handle: () => 8, setup() {} }'));
    expect(defined.setup).to.be.a('function');
  });

  for (const [what, source, message] of [
    ['has no default export', 'export const handle = 1', 'has no default export'],
    ['exports something else', 'export default 5', 'to be a function or the result of defineHandler'],
    ['throws', 'throw new Error("broken at load")', 'could not be imported: broken at load'],
    ['does not parse', 'export default (', 'could not be imported'],
  ] as const) {
    it(`a module that ${what} is ERR_INVALID_HANDLER`, async () => {
      const error = await rejectionOf(importHandler(moduleOf(source)));
      expect(error.code).to.equal('ERR_INVALID_HANDLER');
      expect(error.message).to.contain(message);
    });
  }

  it('a module that is not there is ERR_INVALID_HANDLER with its cause', async () => {
    const error = await rejectionOf(importHandler('file:///nowhere/at/all.js'));
    expect(error.code).to.equal('ERR_INVALID_HANDLER');
    expect(error.cause).to.include({ code: 'ERR_MODULE_NOT_FOUND' });
  });
});
