import { expect } from 'chai';
import { ShardpoolError } from '../../src/model/errors.ts';
import { createCredentialCache } from '../../src/kinesis/credential-cache.ts';
import { type CredentialsOption, loadCredentials } from '../../src/kinesis/credentials.ts';
import type { Credentials } from '../../src/kinesis/api.ts';

const HOUR_MS = 60 * 60_000;
const MINUTE_MS = 60_000;
const clock = { now: () => 1_000_000 };
const KEYS = { accessKeyId: 'AKID', secretAccessKey: 'very-secret' };

async function failure(promise: Promise<unknown>): Promise<ShardpoolError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(ShardpoolError);
  return error as ShardpoolError;
}

describe('kinesis/credentials', () => {
  it('gives static keys an end of their own', async () => {
    expect(await loadCredentials(KEYS, clock)()).to.deep.equal({
      ...KEYS,
      sessionToken: null,
      expiration: 1_000_000 + HOUR_MS,
    });
  });

  it('keeps a token and an end', async () => {
    const given = { ...KEYS, sessionToken: 't', expiration: new Date(5) };
    expect(await loadCredentials(given, clock)()).to.deep.equal({ ...given, expiration: 5 });
  });

  it('reads a static object anew each time', async () => {
    const option = { ...KEYS };
    const load = loadCredentials(option, clock);
    option.accessKeyId = 'ROTATED';
    expect((await load()).accessKeyId).to.equal('ROTATED');
  });

  it('asks a function each time, and to refresh when AWS refused', async () => {
    const asked: unknown[] = [];
    const load = loadCredentials(async (options) => {
      asked.push(options?.forceRefresh);
      return KEYS;
    }, clock);
    await load();
    await load(true);
    expect(asked).to.deep.equal([false, true]);
  });

  it('reports a function that fails as ERR_CREDENTIALS that may pass, with the cause', async () => {
    const cause = new Error('no route to the vault');
    const error = await failure(loadCredentials(() => Promise.reject(cause), clock)());
    expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: true, cause });
    expect(error.message).to.include('no route to the vault');
  });

  it('reports a function that throws at once in the same way', async () => {
    const load = loadCredentials(() => {
      throw new Error('sync');
    }, clock);
    expect(await failure(load())).to.include({ code: 'ERR_CREDENTIALS', retryable: true });
  });

  const useless: [unknown, RegExp][] = [
    [null, /got null/],
    ['AKID', /got string/],
    [{}, /`accessKeyId`/],
    [{ accessKeyId: 'A' }, /`secretAccessKey`/],
    [{ ...KEYS, sessionToken: 1 }, /`sessionToken`/],
    [{ ...KEYS, expiration: '2026-01-01' }, /`expiration`/],
    [{ ...KEYS, expiration: new Date(Number.NaN) }, /`expiration`/],
  ];
  for (const [given, message] of useless) {
    it(`says what is wrong with ${JSON.stringify(given)} from a function, and shows no secret`, async () => {
      const error = await failure(loadCredentials(async () => given as never, clock)());
      expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: false });
      expect(error.message).to.match(message).and.not.include('very-secret');
    });
    it(`says it at once for ${JSON.stringify(given)} as an option`, () => {
      expect(() => loadCredentials(given as CredentialsOption, clock))
        .to.throw(ShardpoolError, message)
        .with.property('code', 'ERR_INVALID_OPTION');
    });
  }

  describe('from the AWS environment', () => {
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE', 'HOME'];
    const names2 = ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE', 'AWS_EC2_METADATA_DISABLED'];
    const saved = new Map<string, string | undefined>();
    beforeEach(() => {
      for (const name of [...names, ...names2]) {
        saved.set(name, process.env[name]);
        delete process.env[name];
      }
      process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/nonexistent/credentials';
      process.env['AWS_CONFIG_FILE'] = '/nonexistent/config';
      process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    });
    afterEach(() => {
      for (const [name, value] of saved) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });

    it('uses the default chain', async () => {
      Object.assign(process.env, {
        AWS_ACCESS_KEY_ID: 'ENV',
        AWS_SECRET_ACCESS_KEY: 's',
        AWS_SESSION_TOKEN: 't',
      });
      expect(await loadCredentials(undefined, clock)()).to.deep.equal({
        accessKeyId: 'ENV',
        secretAccessKey: 's',
        sessionToken: 't',
        expiration: 1_000_000 + HOUR_MS,
      });
    });

    it('says that there are none as an ERR_CREDENTIALS that stays', async () => {
      const error = await failure(loadCredentials(undefined, clock)());
      expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: false });
      expect(error.message).to.match(/environment/);
    });
  });
});

describe('kinesis/credential-cache', () => {
  function setUp() {
    const state = { now: 0, lifetimeMs: HOUR_MS, fail: false, asked: [] as boolean[] };
    const source = async (renew = false): Promise<Credentials> => {
      state.asked.push(renew);
      if (state.fail) throw new ShardpoolError('ERR_CREDENTIALS', 'down');
      const accessKeyId = `K${state.asked.length}`;
      return {
        accessKeyId,
        secretAccessKey: 's',
        sessionToken: null,
        expiration: state.now + state.lifetimeMs,
      };
    };
    return { state, cache: createCredentialCache(source, () => state.now) };
  }

  it('asks once for many who wait, and keeps what it got until 5 minutes before the end', async () => {
    const { state, cache } = setUp();
    await Promise.all([cache.get(), cache.get(), cache.get()]);
    state.now = 55 * MINUTE_MS - 1;
    expect((await cache.get()).accessKeyId).to.equal('K1');
    state.now = 55 * MINUTE_MS;
    expect((await cache.get()).accessKeyId).to.equal('K2');
    expect(state.asked).to.deep.equal([false, false]);
  });

  it('keeps short-lived credentials for half of their life instead of asking at every call', async () => {
    const { state, cache } = setUp();
    state.lifetimeMs = 2 * MINUTE_MS;
    await cache.get();
    state.now = MINUTE_MS - 1;
    await cache.get();
    expect(state.asked).to.have.length(1);
    state.now = MINUTE_MS;
    await cache.get();
    expect(state.asked).to.have.length(2);
  });

  it('lives on what it has while the source is down, until that ends', async () => {
    const { state, cache } = setUp();
    await cache.get();
    state.fail = true;
    state.now = 57 * MINUTE_MS;
    expect((await cache.get()).accessKeyId).to.equal('K1');
    state.now = HOUR_MS;
    expect((await failure(cache.get())).code).to.equal('ERR_CREDENTIALS');
    state.fail = false;
    expect((await cache.get()).accessKeyId).to.equal('K4');
  });

  it('has refused credentials renewed, and does not fall back on them', async () => {
    const { state, cache } = setUp();
    const first = await cache.get();
    cache.refuse(first);
    state.fail = true;
    await failure(cache.get());
    state.fail = false;
    expect((await cache.get()).accessKeyId).to.equal('K3');
    expect(state.asked).to.deep.equal([false, true, true]);
  });

  it('renews once for many calls that were refused with the same credentials', async () => {
    const { state, cache } = setUp();
    const first = await cache.get();
    cache.refuse(first);
    await cache.get();
    cache.refuse(first);
    await cache.get();
    expect(state.asked).to.deep.equal([false, true]);
  });
});
