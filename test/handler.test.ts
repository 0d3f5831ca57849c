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

class Orders {
  handle(): void {}
}

const NO_FUNCTIONS: readonly (readonly [unknown, string])[] = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['x', "'x'"],
  [1, '1'],
  [{}, '{}'],
  [Orders, 'the class Orders'],
  [Promise.resolve(() => 1), 'an instance of Promise'],
];

const MISSPELLED = [
  ['onShardStarted', 'onShardStart'],
  ['onshardstart', 'onShardStart'],
  ['onShardEnded', 'onShardEnd'],
  ['shardEnd', 'onShardEnd'],
  ['onSetup', 'setup'],
  ['setUp', 'setup'],
  ['tearDown', 'teardown'],
] as const;

describe('defineHandler', () => {
  const handle = () => undefined;

  it('keeps the function and its hooks', () => {
    const setup = () => undefined;
    expect(defineHandler(handle, { setup })).to.deep.equal({ handle, setup });
    expect(defineHandler(handle)).to.deep.equal({ handle });
  });

  for (const [bad, shown] of NO_FUNCTIONS) {
    it(`refuses ${shown} as function`, () => {
      expect(thrownBy(() => defineHandler(bad as never))).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected a function as handler in defineHandler, got \`${shown}\``,
      });
    });
  }

  for (const [misspelled, meant] of MISSPELLED) {
    it(`refuses the hook ${misspelled}, which is taken for ${meant}`, () => {
      expect(thrownBy(() => defineHandler(handle, { [misspelled]: handle }))).to.include({
        code: 'ERR_INVALID_OPTION',
        message: `Expected \`hooks\` to be an object with the keys setup, teardown, onShardStart, onShardEnd, got \`'${misspelled}'\`; did you mean \`${meant}\`?`,
      });
    });
  }

  it('refuses a hook that is near to none', () => {
    expect(thrownBy(() => defineHandler(handle, { colour: handle } as object))).to.include({
      code: 'ERR_INVALID_OPTION',
      message:
        "Expected `hooks` to be an object with the keys setup, teardown, onShardStart, onShardEnd, got `'colour'`",
    });
  });

  for (const [bad, shown] of [
    [null, 'null'],
    [5, '5'],
    [handle, 'a function'],
    [[handle], '["a function"]'],
    [Promise.resolve({}), 'an instance of Promise'],
  ] as const) {
    it(`refuses ${shown} as hooks`, () => {
      expect(thrownBy(() => defineHandler(handle, bad as never))).to.include({
        code: 'ERR_INVALID_OPTION',
        message: `Expected \`hooks\` to be an object, got \`${shown}\``,
      });
    });
  }

  for (const hook of ['setup', 'teardown', 'onShardStart', 'onShardEnd']) {
    it(`refuses a ${hook} that is no function, and takes undefined`, () => {
      const error = thrownBy(() => defineHandler(handle, { [hook]: 'soon' }));
      expect(error).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected \`${hook}\` in defineHandler to be a function, got \`'soon'\``,
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

  for (const [bad, shown, hint = ''] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [5, '5'],
    [Symbol('h'), 'Symbol(h)'],
    [{ handler: 1 }, '{"handler":1}', '; it has no function `handle`, but handler'],
    [{}, '{}', '; it has no function `handle`, but nothing'],
    [[() => 1], '["a function"]'],
    [Orders, 'the class Orders', '; pass an object with a function `handle`'],
    [Promise.resolve(() => 1), 'an instance of Promise', '; it has to be awaited first'],
    ['./h.js', "'./h.js'", '; a module is named by its URL or its absolute path'],
    ['https://host/h.js', "'https://host/h.js'", '; a module is named by its URL or its absolute path'],
  ] as readonly (readonly [unknown, string, string?])[]) {
    it(`refuses ${shown}, and says where`, () => {
      expect(thrownBy(() => toHandler(bad, 'the handler'))).to.include({
        code: 'ERR_INVALID_HANDLER',
        message: `Expected the handler to be a function or the result of defineHandler(...), got \`${shown}\`${hint}`,
      });
    });
  }

  for (const [misspelled, meant] of MISSPELLED) {
    it(`refuses ${misspelled} on a handler made by hand`, () => {
      const made = { handle: () => undefined, [misspelled]: () => undefined };
      expect(thrownBy(() => toHandler(made, 'the handler'))).to.include({
        code: 'ERR_INVALID_OPTION',
        message: `\`${misspelled}\` in the handler is not a hook; did you mean \`${meant}\`?`,
      });
    });
  }

  it('takes an object of a class of its own, with what it needs', () => {
    class Kept {
      readonly setups = 0;
      readonly save = () => this.setups;
      handle(): number {
        return this.save();
      }
    }
    const kept = new Kept();
    expect(toHandler(kept, 'the handler')).to.equal(kept);
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

  for (const [what, source, code, message] of [
    [
      'has no export',
      '',
      'ERR_INVALID_HANDLER',
      'The handler module URL has no default export; expected `export default defineHandler(async (batch) => ...)`',
    ],
    [
      'has another export',
      'export const handle = 1',
      'ERR_INVALID_HANDLER',
      'The handler module URL has no default export, only handle; expected `export default defineHandler(async (batch) => ...)`',
    ],
    [
      'exports a number',
      'export default 5',
      'ERR_INVALID_HANDLER',
      'Expected the default export of URL to be a function or the result of defineHandler(...), got `5`',
    ],
    [
      'exports a class',
      'export default class Orders {}',
      'ERR_INVALID_HANDLER',
      'Expected the default export of URL to be a function or the result of defineHandler(...), got `the class Orders`; pass an object with a function `handle`',
    ],
    [
      'throws',
      'throw new Error("broken at load")',
      'ERR_INVALID_HANDLER',
      'The handler module URL could not be imported: broken at load',
    ],
    [
      'throws two lines',
      'throw new Error("broken\\nat load")',
      'ERR_INVALID_HANDLER',
      'The handler module URL could not be imported: broken',
    ],
    [
      'throws no error',
      'throw "broken at load"',
      'ERR_INVALID_HANDLER',
      'The handler module URL could not be imported: broken at load',
    ],
    [
      'does not parse',
      'export default (',
      'ERR_INVALID_HANDLER',
      'The handler module URL could not be imported: Unexpected end of input',
    ],
    [
      'misspells a hook',
      'export default { handle() {}, onShardStarted() {} }',
      'ERR_INVALID_OPTION',
      '`onShardStarted` in the default export of URL is not a hook; did you mean `onShardStart`?',
    ],
    [
      'misspells a hook in defineHandler',
      `import { defineHandler } from '${new URL('../src/index.js', import.meta.url).href}'; export default defineHandler(() => 1, { onShardStarted() {} })`,
      'ERR_INVALID_OPTION',
      "The handler module URL could not be imported: Expected `hooks` to be an object with the keys setup, teardown, onShardStart, onShardEnd, got `'onShardStarted'`; did you mean `onShardStart`?",
    ],
  ] as const) {
    it(`a module that ${what} is ${code}`, async () => {
      const url = moduleOf(source);
      const error = await rejectionOf(importHandler(url));
      expect(error.code).to.equal(code);
      // The text of the program in the URL is cut.
      const shown = url.length <= 100 ? url : `${url.slice(0, 100)}...`;
      expect(error.message).to.equal(message.replace('URL', () => shown));
    });
  }

  it('a module that is not there is ERR_INVALID_HANDLER with its cause', async () => {
    const error = await rejectionOf(importHandler('file:///nowhere/at/all.js'));
    expect(error).to.include({
      code: 'ERR_INVALID_HANDLER',
      message:
        "The handler module file:///nowhere/at/all.js could not be imported: Cannot find module '/nowhere/at/all.js'",
    });
    expect(error.cause).to.include({ code: 'ERR_MODULE_NOT_FOUND' });
  });
});
