// Every option of a consumer and every kind of wrong value, with the words in which it is refused.

export const DAY_MS = 86_400_000;

const ring: Record<string, unknown> = {};
ring['self'] = ring;

class Order {
  readonly id = 1;
}

/** What is given for each option, and how the message shows it. */
export const WRONG = {
  'a word': ['word', "'word'"],
  'no text': ['', "''"],
  'digits as text': ['5', "'5'"],
  'text of two lines': ['a\nb', "'a\\nb'"],
  'a long text': ['x'.repeat(500), `'${'x'.repeat(99)}...`],
  'minus one': [-1, '-1'],
  zero: [0, '0'],
  'one and a half': [1.5, '1.5'],
  'far too much': [2 ** 60, '1152921504606847000'],
  NaN: [NaN, 'NaN'],
  Infinity: [Infinity, 'Infinity'],
  'minus Infinity': [-Infinity, '-Infinity'],
  true: [true, 'true'],
  null: [null, 'null'],
  'an array': [[1], '[1]'],
  'an empty object': [{}, '{}'],
  'a stranger': [{ colour: 'red' }, '{"colour":"red"}'],
  'a ring': [ring, 'an object'],
  'a function': [() => 1, 'a function'],
  'a class': [Order, 'the class Order'],
  'a symbol': [Symbol('s'), 'Symbol(s)'],
  'a bigint': [10n, '10n'],
  'a date': [new Date(0), 'the Date 1970-01-01T00:00:00.000Z'],
  'an invalid date': [new Date(NaN), 'an invalid Date'],
  'a promise': [Promise.resolve(1), 'an instance of Promise'],
} as const satisfies Record<string, readonly [unknown, string]>;

export type Kind = keyof typeof WRONG;
export const KINDS = Object.keys(WRONG) as Kind[];
const TEXTS: readonly Kind[] = ['a word', 'digits as text', 'text of two lines', 'a long text'];

export interface Row {
  /** What the option is expected to be. */
  readonly expected: string;
  /** What it takes. */
  readonly takes?: readonly Kind[];
  /** Whole messages, where they are of their own. */
  readonly but?: Readonly<Partial<Record<Kind, string>>>;
}

const whole = (min: number, max: number, takes: readonly Kind[] = []): Row => ({
  expected: `an integer from ${min} to ${max}`,
  takes: min === 0 ? ['zero', ...takes] : takes,
});
const text: Row = { expected: 'a string that is not empty', takes: TEXTS };
const noLimit: Row = {
  expected: 'an integer from 1 up, or Infinity',
  takes: ['Infinity', 'far too much'],
};
/** A section: what is no object, and what is one with a key that is none. */
const section = (name: string, keys: string): Row => ({
  expected: 'an object',
  takes: ['an empty object'],
  but: {
    'a stranger': `Expected \`${name}\` to be an object with the keys ${keys}, got \`'colour'\``,
    'a ring': `Expected \`${name}\` to be an object with the keys ${keys}, got \`'self'\``,
  },
});
const spec = (name: string, names: string): Row => {
  const expected = `${names}, { name, ... } or { module, options }`;
  return {
    expected: `one of ${expected}`,
    // The values of an object may be secrets.
    but: {
      'a stranger': `Expected \`${name}\` to be one of ${expected}, got \`'{ colour }'\``,
      'a ring': `Expected \`${name}\` to be one of ${expected}, got \`'{ self }'\``,
    },
  };
};
const noKeys = 'Expected `credentials` to be an object with a string `accessKeyId`';
export const createsStream = "false, { shards } or { mode: 'on-demand' }";
const badName = (shown: string) =>
  `Expected the name of a stream to have 1 to 128 of the characters a-z, A-Z, 0-9, _, . and -, got '${shown}'`;
export const badRegion = (shown: string) =>
  `Expected \`region\` to be the name of an AWS region such as 'eu-west-1', got '${shown}'`;

export const ROWS: Readonly<Record<string, Row>> = {
  stream: {
    ...text,
    takes: ['a word', 'digits as text'],
    but: { 'text of two lines': badName('a\nb'), 'a long text': badName('x'.repeat(500)) },
  },
  application: text,
  region: {
    ...text,
    takes: ['a word', 'digits as text', 'a long text'],
    but: { 'text of two lines': badRegion('a\nb') },
  },
  endpoint: { expected: 'an http or https URL as text' },
  credentials: {
    expected: 'an object with keys',
    takes: ['a function', 'a class'],
    but: Object.fromEntries(
      KINDS.map((kind) => {
        const [value] = WRONG[kind];
        const type = value === null ? 'null' : typeof value;
        // Never the value: it may be a secret.
        return [
          kind,
          type === 'object' ? noKeys : `Expected \`credentials\` to be an object with keys, got ${type}`,
        ];
      }),
    ),
  },
  start: { expected: "'TRIM_HORIZON', 'LATEST' or a valid Date", takes: ['a date'] },
  processor: spec(
    'processor',
    "'json', 'json-lines', 'json-list', 'string', 'bytes', 'msgpack', 'kpl-json', 'kpl-string', 'kpl-msgpack', 'auto'",
  ),
  checkpointer: spec('checkpointer', "'memory', 'local', 'redis', 'dynamodb'"),
  threads: { expected: "'auto' or an integer from 1 to 256" },
  handlerThreads: whole(0, 256),
  maxShards: noLimit,
  concurrency: noLimit,
  readsPerSecond: { expected: 'a number from 0.01 to 5', takes: ['one and a half'] },
  recordLimit: whole(1, 10_000),
  idlePollMs: whole(200, DAY_MS),
  shardRefreshIntervalMs: whole(100, DAY_MS),
  maxBufferedBytes: whole(2 ** 20, 2 ** 40),
  maxBufferedRecords: whole(1, 2 ** 31 - 1),
  batch: section('batch', 'maxRecords, maxBytes, maxWaitMs'),
  'batch.maxRecords': whole(1, 100_000),
  'batch.maxBytes': whole(1, 2 ** 30),
  'batch.maxWaitMs': whole(0, DAY_MS),
  ack: { expected: "'auto' or 'manual'" },
  checkpointIntervalMs: whole(10, DAY_MS),
  leaseDurationMs: whole(2_000, DAY_MS),
  threadHangMs: whole(1_000, DAY_MS),
  handlerHangMs: whole(1_000, DAY_MS),
  drainDeadlineMs: whole(0, DAY_MS),
  timeouts: section('timeouts', 'connectMs, replyMs, stallMs, callMs, credentialsMs'),
  'timeouts.connectMs': whole(10, DAY_MS),
  'timeouts.replyMs': whole(10, DAY_MS),
  'timeouts.stallMs': whole(10, DAY_MS),
  'timeouts.callMs': whole(10, DAY_MS),
  'timeouts.credentialsMs': whole(10, DAY_MS),
  onFailure: section('onFailure', 'minDelayMs, maxDelayMs'),
  'onFailure.minDelayMs': whole(1, DAY_MS),
  'onFailure.maxDelayMs': whole(100, DAY_MS),
  describe: { expected: "'list-shards' or 'describe-stream' or 'skip'" },
  createStream: {
    expected: createsStream,
    but: {
      'a date': 'Expected `createStream` to be an object, got `the Date 1970-01-01T00:00:00.000Z`',
      'an invalid date': 'Expected `createStream` to be an object, got `an invalid Date`',
      'a promise': 'Expected `createStream` to be an object, got `an instance of Promise`',
      'a stranger': "Expected `createStream` to be an object with the keys shards, mode, got `'colour'`",
      'a ring': "Expected `createStream` to be an object with the keys shards, mode, got `'self'`",
    },
  },
  'createStream.shards': whole(1, 100_000),
  describeTimeoutMs: whole(1, DAY_MS),
  idleTimeoutMs: whole(1, DAY_MS),
  instanceId: text,
  logger: { expected: 'an object with the methods debug, info, warn, error' },
  signal: { expected: 'an AbortSignal' },
};
