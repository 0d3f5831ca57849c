// The heartbeat: what counts is the start of a beat that was answered in time; a lost session is never revived.

import { expect } from 'chai';
import { createHeartbeat, type Heartbeat, type HeartbeatParts } from '../../src/coordinator/heartbeat.ts';
import { LeaseStoreError } from '../../src/model/lease-store.ts';
import { FENCE_BYTES, type Fence, fenceOn } from '../../src/platform/fence.ts';
import { createSessionStore, type SessionStore } from '../fakes/session-store.ts';
import { createVirtualTime, type VirtualTime } from '../fakes/virtual-time.ts';

const LEASE_MS = 10_000;
const MARGIN_MS = 1_500;
const INTERVAL_MS = 2_500;
const VALIDITY_MS = LEASE_MS - MARGIN_MS;

describe('heartbeat', () => {
  let time: VirtualTime;
  let store: SessionStore;
  let fence: Fence;
  let heartbeat: Heartbeat;
  let settings: Omit<HeartbeatParts, 'store' | 'fence' | 'clock' | 'onLost'>;
  let lost: { session: string; cause: string; isShut: boolean }[];
  let renewed: string[];
  let errors: unknown[];
  /** Null: always a moment ago. */
  let readAt: number | null;

  beforeEach(() => {
    time = createVirtualTime();
    store = createSessionStore(time);
    fence = fenceOn(new SharedArrayBuffer(FENCE_BYTES), time.clock);
    lost = [];
    renewed = [];
    errors = [];
    readAt = null;
    let nonces = 0;
    settings = {
      timers: time.timers,
      instanceId: 'i',
      nonce: () => String((nonces += 1)),
      maxShards: null,
      host: { name: 'h', boot: 'b', pid: 1, version: '0' },
      leaseDurationMs: LEASE_MS,
      marginMs: MARGIN_MS,
      heartbeatIntervalMs: INTERVAL_MS,
      lastReadAt: () => readAt ?? time.clock.monotonic(),
      onRenewed: (session) => renewed.push(session),
      onError: (error) => errors.push(error),
    };
    heartbeat = createHeartbeat({
      ...settings,
      store,
      fence,
      clock: time.clock,
      onLost: (session, cause) => lost.push({ session, cause, isShut: !fence.isValid(fence.generation) }),
    });
  });

  /** `start`, whatever virtual time it takes. */
  const start = () => time.settled(heartbeat.start());
  const now = () => time.clock.monotonic();

  it('creates a session and beats once per interval, the beat set by the client', async () => {
    await start();
    expect(heartbeat.session).to.equal('i#1');
    expect(heartbeat.isValid()).to.equal(true);
    await time.advance(4 * INTERVAL_MS);
    expect(store.calls('beat')).to.deep.equal([2_500, 5_000, 7_500, 10_000]);
    expect(store.beats.map(({ beat }) => beat)).to.deep.equal([1, 2, 3, 4]);
    expect(heartbeat.stats).to.deep.equal({ beats: 4, largestGapMs: INTERVAL_MS });
    await time.advance(100_000);
    expect(lost).to.deep.equal([]);
    expect(heartbeat.isValid()).to.equal(true);
  });

  it('keeps its pace when answers are slow', async () => {
    store.script('beat', { answeredAfterMs: 1_000 }, { answeredAfterMs: 1_000 });
    await start();
    await time.advance(3 * INTERVAL_MS);
    expect(store.calls('beat')).to.deep.equal([2_500, 5_000, 7_500]);
  });

  it('the first validity counts from the start of the creation', async () => {
    store.script('createSession', { answeredAfterMs: 3_000 });
    await start();
    expect(now()).to.equal(3_000);
    expect(fence.remainingMs()).to.equal(VALIDITY_MS - 3_000);
  });

  it('a creation of unknown outcome is tried again under the same name, and counts from the first attempt', async () => {
    const lost = new LeaseStoreError('unknown', 'no answer');
    store.script('createSession', { appliedAfterMs: 0, fails: lost }, { fails: lost });
    await start();
    expect(heartbeat.session).to.equal('i#1');
    expect(store.calls('createSession')).to.have.length(3);
    expect(fence.remainingMs()).to.equal(VALIDITY_MS - now());
    expect(now()).to.be.above(0);
  });

  it('beats that are taken while no read is answered end the session', async () => {
    await start();
    readAt = now();
    await time.advance(LEASE_MS);
    expect(lost).to.deep.equal([]);
    await time.advance(INTERVAL_MS);
    expect(lost.map(({ cause }) => cause)).to.deep.equal(['the store takes beats but has answered no read']);
  });

  it('rejects when the first session cannot be written', async () => {
    store.script('createSession', { fails: new Error('no store') });
    const outcome = await heartbeat.start().catch((error: Error) => error.message);
    expect(outcome).to.equal('no store');
    expect(heartbeat.isValid()).to.equal(false);
  });

  it('the deadline counts from the start of the beat, not from its answer', async () => {
    store.script('beat', { answeredAfterMs: 1_900 });
    await start();
    await time.advance(INTERVAL_MS + 1_900);
    expect(fence.remainingMs()).to.equal(VALIDITY_MS - 1_900);
  });

  it('a beat without an answer is given up after 2 s and tried again soon; the session goes on', async () => {
    store.script('beat', { answeredAfterMs: null }, { answeredAfterMs: null, appliedAfterMs: null });
    await start();
    await time.advance(INTERVAL_MS + 4_500);
    const [first, second, third] = store.calls('beat');
    expect(second! - first!).to.be.within(2_000, 2_300);
    expect(third! - second!).to.be.within(2_000, 2_300);
    expect(errors).to.have.length(2);
    expect(lost).to.deep.equal([]);
    expect(fence.remainingMs()).to.equal(VALIDITY_MS - (now() - third!));
  });

  it('errors of the store are tried again without a tight loop', async () => {
    await start();
    store.script('beat', ...Array.from({ length: 100 }, () => ({ fails: new Error('down') })));
    await time.advance(INTERVAL_MS + 1_000);
    expect(store.calls('beat').length).to.be.within(2, 7);
  });

  it('loses the session at the deadline when no beat is answered, even between two looks', async () => {
    await start();
    store.script('beat', ...Array.from({ length: 20 }, () => ({ answeredAfterMs: null })));
    await time.advance(VALIDITY_MS);
    expect(lost).to.deep.equal([]);
    await time.advance(10);
    expect(lost).to.have.length(1);
    expect(lost[0]).to.include({ session: 'i#1' });
    expect(fence.isValid(1)).to.equal(false);
    expect(heartbeat.isValid()).to.equal(false);
  });

  it('an answer after the deadline revives nothing: the session is lost and a new one follows', async () => {
    await start();
    // Beats are lost until shortly before the deadline; the last one is answered after it.
    store.script(
      'beat',
      { answeredAfterMs: null },
      { answeredAfterMs: null },
      { answeredAfterMs: VALIDITY_MS + 200 - 6_900 },
    );
    await time.advance(6_950);
    expect(store.calls('beat')).to.have.length(3);
    await time.until(() => lost.length > 0, 3_000);
    expect(lost.map(({ session }) => session)).to.deep.equal(['i#1']);
    expect(fence.isValid(1)).to.equal(false);
    await time.until(() => renewed.length > 0, 5_000);
    expect(heartbeat.session).to.equal('i#2');
    expect(heartbeat.isValid()).to.equal(true);
    expect(fence.generation).to.equal(2);
    expect(fence.isValid(1)).to.equal(false);
    expect((await store.read('i#1'))!.state).to.equal('ended');
    expect((await store.read('i#2'))!.state).to.equal('live');
  });

  it('a process that stood still while a beat was under way does not trust its answer', async () => {
    let stoodStillMs = 0;
    const clock = { now: () => 0, monotonic: () => now() + stoodStillMs };
    const ownFence = fenceOn(new SharedArrayBuffer(FENCE_BYTES), clock);
    const losses: string[] = [];
    const own = createHeartbeat({
      ...settings,
      store,
      clock,
      fence: ownFence,
      onLost: (session, cause) => losses.push(`${session}: ${cause}`),
    });
    store.script('beat', { answeredAfterMs: 100 });
    await time.settled(own.start());
    await time.advance(INTERVAL_MS + 50);
    stoodStillMs = VALIDITY_MS;
    await time.advance(50);
    expect(losses).to.deep.equal(['i#1: a beat was confirmed after the deadline']);
    expect(ownFence.isValid(1)).to.equal(false);
    await time.settled(own.stop());
  });

  it('isValid ends the session when the deadline has passed, without waiting for a timer', async () => {
    // A process that stood still: the clock went on, its timers did not.
    let at = 0;
    const clock = { now: () => 0, monotonic: () => at };
    const ownFence = fenceOn(new SharedArrayBuffer(FENCE_BYTES), clock);
    const losses: string[] = [];
    const own = createHeartbeat({
      ...settings,
      store,
      clock,
      fence: ownFence,
      timers: { setTimeout: () => ({}), clearTimeout: () => undefined },
      onLost: (session) => losses.push(session),
    });
    await own.start();
    at = VALIDITY_MS - 1;
    expect(own.isValid()).to.equal(true);
    at = VALIDITY_MS + 1;
    expect(own.isValid()).to.equal(false);
    at = 0;
    expect(own.isValid()).to.equal(false);
    expect(losses).to.deep.equal(['i#1']);
  });

  it('a refused beat means that the session is over: evicted by another', async () => {
    await start();
    await time.advance(INTERVAL_MS);
    await store.evict('i#1', 1);
    await time.until(() => renewed.length > 0, 10_000);
    expect(lost[0]).to.include({ cause: 'the session row says dead', isShut: true });
    expect(renewed).to.deep.equal(['i#2']);
    expect((await store.read('i#1'))!.state).to.equal('dead');
  });

  it('a beat that was applied before and is refused as its own duplicate counts', async () => {
    await start();
    // The row already holds beat 1 when the answer to the first beat comes.
    await store.beat({ session: 'i#1', beat: 1, state: 'live', maxShards: null });
    await time.advance(INTERVAL_MS);
    expect(lost).to.deep.equal([]);
    expect(fence.remainingMs()).to.equal(VALIDITY_MS);
  });

  it('tries again with a nonce of its own until a new session can be written', async () => {
    await start();
    await time.advance(INTERVAL_MS);
    await store.evict('i#1', 1);
    store.script(
      'createSession',
      { fails: new Error('down') },
      { answeredAfterMs: 300, fails: new Error('down') },
    );
    await time.until(() => renewed.length > 0, 10_000);
    expect(renewed).to.deep.equal(['i#4']);
    expect(heartbeat.isValid()).to.equal(true);
  });

  it('is not valid while the new session is being created', async () => {
    await start();
    await time.advance(INTERVAL_MS);
    await store.evict('i#1', 1);
    store.script('createSession', { answeredAfterMs: 1_000 });
    await time.until(() => store.calls('createSession').length === 2, 10_000);
    expect(heartbeat.isValid()).to.equal(false);
    expect(lost).to.have.length(1);
  });

  it('drains by saying so in its beats, and the leases stay valid', async () => {
    await start();
    heartbeat.drain();
    await time.advance(INTERVAL_MS);
    expect(store.beats[0]!.state).to.equal('draining');
    expect(heartbeat.isValid()).to.equal(true);
  });

  it('stop ends the session, shuts the fence and leaves no timer behind', async () => {
    await start();
    await time.advance(INTERVAL_MS);
    await time.settled(heartbeat.stop());
    expect((await store.read('i#1'))!.state).to.equal('ended');
    expect(fence.isValid(1)).to.equal(false);
    expect(lost).to.deep.equal([]);
    expect(time.pending()).to.equal(0);
    const beats = store.calls('beat').length;
    await time.advance(60_000);
    expect(store.calls('beat')).to.have.length(beats);
  });

  it('stop while a new session is being created leaves no timer behind', async () => {
    await start();
    await time.advance(INTERVAL_MS);
    await store.evict('i#1', 1);
    store.script('createSession', { answeredAfterMs: 1_000 });
    await time.until(() => store.calls('createSession').length === 2, 10_000);
    await time.settled(heartbeat.stop());
    expect(fence.isValid(fence.generation)).to.equal(false);
    expect((await store.read('i#2'))!.state).to.equal('ended');
    expect(time.pending()).to.equal(0);
  });

  it('stops also when the last beat is never answered and the end cannot be written', async () => {
    await start();
    store.script('beat', { answeredAfterMs: null });
    store.script('end', { fails: new Error('down') });
    await time.advance(INTERVAL_MS + 100);
    await time.settled(heartbeat.stop(), 10_000);
    expect(errors).to.have.length(1);
    expect(time.pending()).to.equal(0);
  });

  it('remembers the largest gap between two beats', async () => {
    await start();
    store.script('beat', {}, { answeredAfterMs: 2_000, fails: new Error('late') });
    await time.advance(4 * INTERVAL_MS);
    expect(heartbeat.stats.largestGapMs).to.equal(2_500);
    store.script('beat', { answeredAfterMs: 1_990 });
    await time.advance(2 * INTERVAL_MS);
    expect(heartbeat.stats.largestGapMs).to.be.within(2_500, 2_700);
  });
});
