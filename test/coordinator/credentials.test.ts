// The credentials of all threads, asked of main.

import { expect } from 'chai';
import { createCredentialsCache } from '../../src/coordinator/credentials.ts';
import { CALL_LIMITS } from '../../src/model/call-limits.ts';
import { type Deferred, deferred } from '../../src/platform/deferred.ts';
import type { PlainCredentials } from '../../src/protocol.ts';
import { createVirtualTime } from '../fakes/virtual-time.ts';

const MINUTE_MS = 60_000;

function setUp() {
  const time = createVirtualTime();
  const asked: { renew: boolean; reply: Deferred<PlainCredentials> }[] = [];
  const cache = createCredentialsCache(
    (renew) => {
      const reply = deferred<PlainCredentials>();
      asked.push({ renew, reply });
      return reply.promise;
    },
    time.clock,
    time.timers,
    CALL_LIMITS.credentialsMs,
  );
  /** Keys that hold for so long from now on. */
  const keys = (name: string, lifetimeMs = 60 * MINUTE_MS): PlainCredentials => ({
    accessKeyId: name,
    secretAccessKey: 's',
    sessionToken: null,
    expiration: time.clock.now() + lifetimeMs,
  });
  const get = async (renew = false) => (await time.settled(cache.get(renew))).accessKeyId;
  const failure = async (promise: Promise<unknown>): Promise<Error> =>
    time.settled(
      promise.then(
        () => new Error('it resolved'),
        (error: Error) => error,
      ),
      60_000,
    );
  return { time, asked, cache, keys, get, failure };
}

describe('credentials of the threads', () => {
  it('asks main once for all that wait, and then uses the answer', async () => {
    const { asked, cache, keys, get } = setUp();
    const both = Promise.all([cache.get(), cache.get()]);
    asked[0]!.reply.resolve(keys('first'));
    await both;
    expect(await get()).to.equal('first');
    expect(asked).to.have.length(1);
    expect(asked[0]!.renew).to.equal(false);
  });

  it('asks again from 5 minutes before the end on', async () => {
    const { time, asked, cache, keys, get } = setUp();
    const first = cache.get();
    asked[0]!.reply.resolve(keys('first'));
    await first;
    await time.advance(54 * MINUTE_MS);
    expect(await get()).to.equal('first');
    expect(asked).to.have.length(1);
    await time.advance(1.5 * MINUTE_MS);
    const second = cache.get();
    await time.advance(0);
    asked[1]!.reply.resolve(keys('second'));
    expect((await second).accessKeyId).to.equal('second');
    expect(time.pending()).to.equal(0);
  });

  it('uses what still holds while main is silent or fails, and takes the late answer afterwards', async () => {
    const { time, asked, cache, keys, get } = setUp();
    const first = cache.get();
    asked[0]!.reply.resolve(keys('first', 4 * MINUTE_MS));
    await first;
    const startedAt = time.clock.monotonic();
    expect(await get()).to.equal('first');
    expect(time.clock.monotonic() - startedAt).to.equal(1_000);
    asked[1]!.reply.resolve(keys('second'));
    await time.advance(0);
    expect(await get()).to.equal('second');

    await time.advance(56 * MINUTE_MS);
    const third = cache.get();
    await time.advance(0);
    asked[2]!.reply.reject(new Error('the provider failed'));
    expect((await third).accessKeyId).to.equal('second');
  });

  it('waits for main when nothing holds any more, and rejects with its error', async () => {
    const { time, asked, cache, keys } = setUp();
    const first = cache.get();
    asked[0]!.reply.resolve(keys('first', MINUTE_MS));
    await first;
    await time.advance(MINUTE_MS);
    const late = cache.get().catch((error: Error) => error.message);
    await time.advance(10_000);
    asked[1]!.reply.reject(new Error('no credentials'));
    expect(await late).to.equal('no credentials');
    await time.advance(500);
    const next = cache.get();
    asked[2]!.reply.resolve(keys('second'));
    expect((await next).accessKeyId).to.equal('second');
  });

  it('renew does not return what was refused', async () => {
    const { asked, cache, keys, time } = setUp();
    const first = cache.get();
    asked[0]!.reply.resolve(keys('refused'));
    await first;
    const renewed = cache.get(true);
    await time.advance(0);
    expect(asked[1]!.renew).to.equal(true);
    asked[1]!.reply.resolve(keys('new'));
    expect((await renewed).accessKeyId).to.equal('new');
  });

  it('renew asks for other credentials though an ordinary question is under way', async () => {
    const { asked, cache, keys, time } = setUp();
    const ordinary = cache.get();
    const renewed = cache.get(true);
    asked[0]!.reply.resolve(keys('as before'));
    await ordinary;
    await time.advance(0);
    asked[1]?.reply.resolve(keys('new'));
    await renewed;
    expect(asked.map(({ renew }) => renew)).to.include(true);
  });

  it('several that renew at once share one question', async () => {
    const { asked, cache, keys, time } = setUp();
    const first = cache.get();
    asked[0]!.reply.resolve(keys('refused'));
    await first;
    const renewed = Promise.all([cache.get(true), cache.get(true), cache.get(true)]);
    for (let i = 1; i <= 3; i += 1) {
      await time.advance(0);
      asked[i]?.reply.resolve(keys(`new ${i}`));
    }
    expect((await renewed).map(({ accessKeyId }) => accessKeyId)).to.deep.equal(['new 1', 'new 1', 'new 1']);
    expect(asked).to.have.length(2);
  });

  it('gives up waiting for a provider that does not settle, says so, and asks again', async () => {
    const { time, asked, cache, keys, failure } = setUp();
    const startedAt = time.clock.monotonic();
    const error = await failure(cache.get());
    expect(error).to.include({ code: 'ERR_CREDENTIALS', retryable: true });
    expect(error.message).to.include('does not settle').and.include('30000 ms');
    expect(time.clock.monotonic() - startedAt).to.equal(30_000);
    await time.advance(500);
    const next = cache.get();
    asked[1]!.reply.resolve(keys('second'));
    expect((await next).accessKeyId).to.equal('second');
    expect(time.pending()).to.equal(0);
  });

  it('takes an answer that comes after the time limit, but not one that is older than the last', async () => {
    const { time, asked, cache, keys, get, failure } = setUp();
    await failure(cache.get());
    await time.advance(500);
    await failure(cache.get());
    asked[1]!.reply.resolve(keys('late'));
    await time.advance(0);
    expect(await get()).to.equal('late');
    asked[0]!.reply.resolve(keys('older'));
    await time.advance(0);
    expect(await get()).to.equal('late');
    expect(asked).to.have.length(2);
  });

  it('a provider that fails once is asked again after a pause, and not by every shard meanwhile', async () => {
    const { time, asked, cache, keys, get, failure } = setUp();
    const first = failure(cache.get());
    asked[0]!.reply.reject(new Error('no vault'));
    expect((await first).message).to.equal('no vault');
    for (let shard = 0; shard < 100; shard += 1) await failure(cache.get());
    expect(asked).to.have.length(1);
    await time.advance(500);
    const next = cache.get();
    asked[1]!.reply.resolve(keys('second'));
    await next;
    expect(await get()).to.equal('second');
  });

  it('renews at most twice a second, however many threads find the same keys refused', async () => {
    const { time, asked, cache, keys } = setUp();
    const renew = async (name: string) => {
      const renewed = cache.get(true);
      await time.advance(0);
      asked.at(-1)!.reply.resolve(keys(name));
      return (await renewed).accessKeyId;
    };
    expect(await renew('one')).to.equal('one');
    for (let thread = 0; thread < 10; thread += 1)
      expect((await cache.get(true)).accessKeyId).to.equal('one');
    expect(asked).to.have.length(1);
    await time.advance(500);
    expect(await renew('two')).to.equal('two');
  });
});
