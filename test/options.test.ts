// Every option of a consumer: its default, its range and the exact words of its error.

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
}

const NUMBERS: readonly NumberRow[] = [
  { option: 'threads', min: 1, max: 256, fallback: Math.max(1, availableParallelism() - 1) },
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
  { option: 'drainDeadlineMs', min: 0, max: DAY_MS, fallback: 30_000 },
  { option: 'onFailure.minDelayMs', min: 1, max: DAY_MS, fallback: 100 },
  { option: 'describeTimeoutMs', min: 1, max: DAY_MS, fallback: 60_000 },
  { option: 'idleTimeoutMs', min: 1, max: DAY_MS, fallback: null },
  { option: 'createStream.shards', min: 1, max: 100_000, fallback: undefined },
];

describe('options that are numbers', () => {
  for (const { option, min, max, fallback, fractions = false } of NUMBERS) {
    const kind = fractions ? 'a number' : 'an integer';
    const expected = (got: string) =>
      `Expected \`${option}\` to be ${kind} from ${min} to ${max}, got \`${got}\``;
    const given = (value: unknown) => ({ stream: 'orders', ...nested(option, value) });

    it(`${option}: ${min} to ${max}`, () => {
      if (fallback !== undefined) expect(read(resolved({}), option)).to.equal(fallback);
      for (const value of [min, max]) expect(read(resolved(nested(option, value)), option)).to.equal(value);
      const bad: [unknown, string][] = [
        [min - 1, String(min - 1)],
        [max + 1, String(max + 1)],
        [-Infinity, '-Infinity'],
        [NaN, 'NaN'],
        [String(max), `'${max}'`],
        [null, 'null'],
        [true, 'true'],
        [[min], `[${min}]`],
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
      for (const value of [0, -1, 1.5, NaN, '3', null]) {
        expect(refusal({ stream: 's', [option]: value })).to.equal(
          `Expected \`${option}\` to be an integer from 1 up, or Infinity, got \`${
            typeof value === 'string' ? `'${value}'` : value
          }\``,
        );
      }
    });
  }

  it('the longest pause after a failure is not below the shortest', () => {
    expect(resolved({}).onFailure).to.deep.equal({ minDelayMs: 100, maxDelayMs: 30_000 });
    expect(resolved({ onFailure: { minDelayMs: 60_000 } }).onFailure.maxDelayMs).to.equal(60_000);
    expect(refusal({ stream: 's', onFailure: { minDelayMs: 500, maxDelayMs: 499 } })).to.equal(
      `Expected \`onFailure.maxDelayMs\` to be an integer from 500 to ${DAY_MS}, got \`499\``,
    );
  });

  it('margin and heartbeat follow from the lease duration', () => {
    expect(resolved({})).to.include({ marginMs: 1_500, heartbeatIntervalMs: 2_500 });
    expect(resolved({ leaseDurationMs: 20_000 })).to.include({ marginMs: 3_000, heartbeatIntervalMs: 5_000 });
  });
});

describe('options that are words', () => {
  for (const option of ['stream', 'application', 'region', 'instanceId']) {
    it(`${option} is a string that is not empty`, () => {
      expect(read(resolved({ [option]: 'given' }), option)).to.equal('given');
      for (const [value, shown] of [
        ['', "''"],
        [5, '5'],
        [null, 'null'],
        [{}, '{}'],
      ] as const) {
        expect(refusal({ stream: 's', [option]: value })).to.equal(
          `Expected \`${option}\` to be a string that is not empty, got \`${shown}\``,
        );
      }
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
    for (const bad of ['127.0.0.1:4567', 'ftp://x', '', 5, null]) {
      expect(refusal({ stream: 's', endpoint: bad })).to.match(
        /^Expected `endpoint` to be an http or https URL, got `.*`$/,
      );
    }
  });

  it('start is a word or a date', () => {
    expect(resolved({ start: 'LATEST' }).start).to.equal('LATEST');
    expect(resolved({ start: new Date(5) }).start).to.deep.equal({ at: 5 });
    const expected = "Expected `start` to be 'TRIM_HORIZON', 'LATEST' or a valid Date, got";
    expect(refusal({ stream: 's', start: 'latest' })).to.equal(`${expected} \`'latest'\``);
    expect(refusal({ stream: 's', start: new Date(NaN) })).to.equal(`${expected} \`NaN\``);
    expect(refusal({ stream: 's', start: 5 })).to.equal(`${expected} \`5\``);
  });

  it('ack is one of two', () => {
    expect([resolved({}).ack, resolved({ ack: 'manual' }).ack]).to.deep.equal(['auto', 'manual']);
    expect(refusal({ stream: 's', ack: true })).to.equal(
      "Expected `ack` to be 'auto' or 'manual', got `true`",
    );
  });

  it('describe is one of three', () => {
    expect(resolved({ describe: 'skip' }).describe).to.equal('skip');
    expect(refusal({ stream: 's', describe: true })).to.equal(
      "Expected `describe` to be 'list-shards' or 'describe-stream' or 'skip', got `true`",
    );
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
    for (const bad of ['xml', {}, { name: 'xml' }, { module: 5 }, 5, () => undefined]) {
      expect(refusal({ stream: 's', processor: bad })).to.match(
        /^Expected `processor` to be one of 'json', .*\{ name, \.\.\. \} or \{ module, options \}, got `/,
      );
    }
    expect(refusal({ stream: 's', checkpointer: 'redis!' })).to.contain(
      'Expected `checkpointer` to be one of',
    );
  });

  it('options of a module are copied, and refused when they cannot be sent to a thread', () => {
    const options = { list: [1] };
    const { processor } = resolved({ processor: { module: 'file:///p.js', options } });
    expect(processor.options).to.deep.equal(options);
    expect(processor.options === options).to.equal(false);
    expect(refusal({ stream: 's', processor: { module: 'file:///p.js', options: { f: () => 1 } } })).to.match(
      /^Expected the options of `processor` to be plain data that can be sent to a thread: /,
    );
  });

  it('batch and onFailure have no other names in them', () => {
    expect(refusal({ stream: 's', batch: { maxRecord: 5 } })).to.equal(
      "Expected `batch` to be an object with the keys maxRecords, maxBytes, maxWaitMs, got `'maxRecord'`",
    );
    expect(refusal({ stream: 's', onFailure: { delayMs: 5 } })).to.equal(
      "Expected `onFailure` to be an object with the keys minDelayMs, maxDelayMs, got `'delayMs'`",
    );
    for (const bad of [5, 'x', true]) {
      expect(refusal({ stream: 's', batch: bad })).to.contain('Expected `batch` to be an object, got');
    }
  });

  it('createStream is false, a number of shards or on demand', () => {
    expect(resolved({ createStream: false }).createStream).to.equal(null);
    expect(resolved({ createStream: { shards: 3 } }).createStream).to.deep.equal({ shards: 3 });
    expect(resolved({ createStream: { mode: 'on-demand' } }).createStream).to.equal('on-demand');
    for (const bad of [true, null, {}, { mode: 'provisioned' }, 5]) {
      expect(refusal({ stream: 's', createStream: bad })).to.match(
        /^Expected `createStream` to be false, \{ shards \} or \{ mode: 'on-demand' \}, got `/,
      );
    }
  });

  it('logger has the four methods', () => {
    expect(resolved({ logger: console }).logger).to.equal(console);
    for (const bad of [{ debug() {}, info() {}, warn() {} }, null, 'console', () => undefined]) {
      expect(refusal({ stream: 's', logger: bad })).to.match(
        /^Expected `logger` to be an object with the methods debug, info, warn, error, got `/,
      );
    }
  });

  it('signal is an AbortSignal', () => {
    const { signal } = new AbortController();
    expect(resolved({ signal }).signal).to.equal(signal);
    expect(refusal({ stream: 's', signal: new AbortController() })).to.contain(
      'Expected `signal` to be an AbortSignal, got',
    );
  });

  it('credentials are passed on as they are', () => {
    const credentials = async () => ({ accessKeyId: 'a', secretAccessKey: 's' });
    expect(resolved({ credentials }).credentials).to.equal(credentials);
  });
});

describe('options as a whole', () => {
  it('an option that is none is named, with those that there are', () => {
    const message = refusal({ stream: 's', thread: 4 });
    expect(message).to.match(/^`thread` is not an option of a consumer; the options are /);
    for (const name of CONSUMER_OPTIONS) expect(message).to.contain(name);
  });

  for (const [bad, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['orders', "'orders'"],
  ] as const) {
    it(`${shown} is refused`, () => {
      expect(refusal(bad)).to.equal(`Expected \`options\` to be an object, got \`${shown}\``);
    });
  }

  it('every option has a row in these tests', () => {
    const source = NUMBERS.map(({ option }) => option.split('.')[0]);
    const others = [
      'maxShards concurrency stream application region instanceId endpoint start describe processor',
      'checkpointer logger signal credentials ack',
    ].flatMap((line) => line.split(' '));
    expect([...new Set([...source, ...others])]).to.have.members([...CONSUMER_OPTIONS]);
  });

  it('a value that cannot be shown does not hide the error', () => {
    const ring: Record<string, unknown> = {};
    ring['self'] = ring;
    for (const value of [ring, 10n, Symbol('s'), () => 1, { toJSON: () => undefined }]) {
      expect(refusal({ stream: 's', recordLimit: value })).to.match(
        /^Expected `recordLimit` to be an integer/,
      );
    }
  });
});
