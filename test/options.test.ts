// Every option of a consumer: its default, its range and what becomes of it. What it refuses is in options-wrong.test.ts.

import { expect } from 'chai';
import { availableParallelism, hostname } from 'node:os';
import { ShardpoolError } from '../src/model/errors.ts';
import { silentLogger } from '../src/model/logger.ts';
import {
  CONSUMER_OPTIONS,
  type ConsumerOptions,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
} from '../src/options.ts';

const DAY_MS = 86_400_000;

function resolved(options: object): ResolvedConsumerOptions {
  return resolveConsumerOptions({ stream: 'orders', ...options });
}

/** The message of ERR_INVALID_OPTION for these options. */
function refusal(options: unknown): string {
  try {
    resolveConsumerOptions(options as ConsumerOptions);
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError).and.to.include({ code: 'ERR_INVALID_OPTION' });
    return (error as ShardpoolError).message;
  }
  return 'accepted';
}

/** A value at a path such as `batch.maxBytes`. */
function nested(path: string, value: unknown): Record<string, unknown> {
  const [first, second] = path.split('.') as [string, string?];
  return { [first]: second === undefined ? value : { [second]: value } };
}

function read(options: unknown, path: string): unknown {
  let value = options;
  for (const name of path.split('.')) value = (value as Record<string, unknown>)[name];
  return value;
}

interface NumberRow {
  readonly option: string;
  readonly min: number;
  readonly max: number;
  readonly fallback: unknown;
  readonly fractions?: boolean;
  readonly auto?: boolean;
}

const NUMBERS: readonly NumberRow[] = [
  { option: 'threads', min: 1, max: 256, fallback: Math.max(1, availableParallelism() - 1), auto: true },
  { option: 'handlerThreads', min: 0, max: 256, fallback: 0 },
  { option: 'readsPerSecond', min: 0.01, max: 5, fallback: 5, fractions: true },
  { option: 'recordLimit', min: 1, max: 10_000, fallback: 10_000 },
  { option: 'idlePollMs', min: 200, max: DAY_MS, fallback: 1_000 },
  { option: 'shardRefreshIntervalMs', min: 100, max: DAY_MS, fallback: 60_000 },
  { option: 'maxBufferedBytes', min: 2 ** 20, max: 2 ** 40, fallback: 64 * 2 ** 20 },
  { option: 'maxBufferedRecords', min: 1, max: 2 ** 31 - 1, fallback: 100_000 },
  { option: 'batch.maxRecords', min: 1, max: 100_000, fallback: 1_000 },
  { option: 'batch.maxBytes', min: 1, max: 2 ** 30, fallback: 2 ** 20 },
  { option: 'batch.maxWaitMs', min: 0, max: DAY_MS, fallback: 0 },
  { option: 'checkpointIntervalMs', min: 10, max: DAY_MS, fallback: 1_000 },
  { option: 'leaseDurationMs', min: 2_000, max: DAY_MS, fallback: 10_000 },
  { option: 'threadHangMs', min: 1_000, max: DAY_MS, fallback: 30_000 },
  { option: 'handlerHangMs', min: 1_000, max: DAY_MS, fallback: 300_000 },
  { option: 'drainDeadlineMs', min: 0, max: DAY_MS, fallback: 30_000 },
  { option: 'onFailure.minDelayMs', min: 1, max: DAY_MS, fallback: 100 },
  { option: 'describeTimeoutMs', min: 1, max: DAY_MS, fallback: 60_000 },
  { option: 'idleTimeoutMs', min: 1, max: DAY_MS, fallback: null },
  { option: 'createStream.shards', min: 1, max: 100_000, fallback: undefined },
];

describe('options that are numbers', () => {
  for (const { option, min, max, fallback, fractions = false, auto = false } of NUMBERS) {
    const kind = `${auto ? "'auto' or " : ''}${fractions ? 'a number' : 'an integer'}`;
    const expected = (got: string) =>
      `Expected \`${option}\` to be ${kind} from ${min} to ${max}, got \`${got}\``;
    const given = (value: unknown) => ({ stream: 'orders', ...nested(option, value) });

    it(`${option}: ${min} to ${max}`, () => {
      if (fallback !== undefined) expect(read(resolved({}), option)).to.equal(fallback);
      for (const value of [min, max]) expect(read(resolved(nested(option, value)), option)).to.equal(value);
      const bad: [unknown, string][] = [
        [min - 1, String(min - 1)],
        [max + 1, String(max + 1)],
      ];
      if (!fractions) bad.push([min + 0.5, String(min + 0.5)]);
      for (const [value, shown] of bad) expect(refusal(given(value))).to.equal(expected(shown));
    });
  }

  for (const option of ['maxShards', 'concurrency'] as const) {
    it(`${option}: from 1 up, or no limit`, () => {
      expect(resolved({})[option]).to.equal(null);
      expect(resolved({ [option]: Infinity })[option]).to.equal(null);
      expect(resolved({ [option]: 1 })[option]).to.equal(1);
    });
  }

  it('the longest pause after a failure is not below the shortest', () => {
    expect(resolved({}).onFailure).to.deep.equal({ minDelayMs: 100, maxDelayMs: 30_000 });
    expect(resolved({ onFailure: { minDelayMs: 60_000 } }).onFailure.maxDelayMs).to.equal(60_000);
  });

  it('margin and heartbeat follow from the lease duration', () => {
    expect(resolved({})).to.include({ marginMs: 1_500, heartbeatIntervalMs: 2_500 });
    expect(resolved({ leaseDurationMs: 20_000 })).to.include({ marginMs: 3_000, heartbeatIntervalMs: 5_000 });
  });
});

describe('options that are words', () => {
  for (const option of ['stream', 'application', 'region', 'instanceId']) {
    it(`${option} is passed on`, () => {
      expect(read(resolved({ [option]: 'given' }), option)).to.equal('given');
    });
  }

  it('only `stream` is required', () => {
    expect(refusal({})).to.equal('Expected `stream` to be a string that is not empty, got `undefined`');
    const defaults = resolveConsumerOptions({ stream: 'orders' });
    expect(defaults).to.deep.include({
      stream: 'orders',
      application: 'default',
      region: null,
      endpoint: null,
      credentials: undefined,
      start: 'TRIM_HORIZON',
      processor: { name: 'json', options: {} },
      checkpointer: { name: 'memory', options: {} },
      describe: 'list-shards',
      createStream: null,
      instanceId: `${hostname()}-${process.pid}`,
      logger: silentLogger,
      signal: null,
    });
    const explicit = Object.fromEntries(CONSUMER_OPTIONS.map((name) => [name, undefined]));
    expect(resolveConsumerOptions({ ...explicit, stream: 'orders' })).to.deep.equal(defaults);
  });

  it('endpoint is an http or https URL', () => {
    for (const good of ['http://127.0.0.1:4567', 'https://kinesis.eu-central-1.amazonaws.com/']) {
      expect(resolved({ endpoint: good }).endpoint).to.equal(good);
    }
    for (const bad of ['127.0.0.1:4567', 'ftp://x', 'http://']) {
      expect(refusal({ stream: 's', endpoint: bad })).to.equal(
        `Expected \`endpoint\` to be an http or https URL as text, got \`'${bad}'\``,
      );
    }
  });

  it('start is a word or a date', () => {
    expect(resolved({ start: 'LATEST' }).start).to.equal('LATEST');
    expect(resolved({ start: new Date(5) }).start).to.deep.equal({ at: 5 });
  });

  it('ack is one of two', () => {
    expect([resolved({}).ack, resolved({ ack: 'manual' }).ack]).to.deep.equal(['auto', 'manual']);
  });

  it('describe is one of three', () => {
    expect(resolved({ describe: 'skip' }).describe).to.equal('skip');
  });
});

describe('options that are objects', () => {
  it('processor and checkpointer are names, names with options, or modules', () => {
    expect(resolved({ processor: 'auto' }).processor).to.deep.equal({ name: 'auto', options: {} });
    expect(resolved({ processor: { name: 'auto', serializer: 'json' } }).processor).to.deep.equal({
      name: 'auto',
      options: { serializer: 'json' },
    });
    const module = new URL('file:///p.js');
    expect(resolved({ processor: { module, options: { a: 1 } } }).processor).to.deep.equal({
      module: 'file:///p.js',
      options: { a: 1 },
    });
    expect(resolved({ checkpointer: { module: 'file:///c.js' } }).checkpointer).to.deep.equal({
      module: 'file:///c.js',
      options: {},
    });
    expect(resolved({ processor: { module: '/p q.js' } }).processor).to.include({
      module: 'file:///p%20q.js',
    });
    expect(resolved({ processor: { module: 'a-package' } }).processor).to.include({ module: 'a-package' });
  });

  it('options of a module are copied', () => {
    const options = { list: [1] };
    const { processor } = resolved({ processor: { module: 'file:///p.js', options } });
    expect(processor.options).to.deep.equal(options);
    expect(processor.options === options).to.equal(false);
  });

  it('createStream is false, a number of shards or on demand', () => {
    expect(resolved({ createStream: false }).createStream).to.equal(null);
    expect(resolved({ createStream: { shards: 3 } }).createStream).to.deep.equal({ shards: 3 });
    expect(resolved({ createStream: { mode: 'on-demand' } }).createStream).to.equal('on-demand');
  });

  it('logger has the four methods', () => {
    expect(resolved({ logger: console }).logger).to.equal(console);
  });

  it('signal is an AbortSignal', () => {
    const { signal } = new AbortController();
    expect(resolved({ signal }).signal).to.equal(signal);
  });

  it('credentials are passed on as they are', () => {
    const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 's' });
    expect(resolved({ credentials }).credentials).to.equal(credentials);
  });
});
