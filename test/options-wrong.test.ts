// Wrong options, every one with every kind of wrong value: each is refused by the constructor, in words that the tables here give.

import { expect } from 'chai';
import { Consumer } from '../src/consumer.ts';
import { ShardpoolError } from '../src/model/errors.ts';
import { CONSUMER_OPTIONS, type ConsumerOptions } from '../src/options.ts';
import { badRegion, createsStream, DAY_MS, KINDS, ROWS, WRONG } from './wrong-options.ts';

/** The whole message, or that there was none. */
function refusal(options: unknown): string {
  try {
    return new Consumer(options as ConsumerOptions).isReady ? 'ready' : 'accepted';
  } catch (error) {
    expect(error)
      .to.be.instanceOf(ShardpoolError)
      .and.to.include({ code: 'ERR_INVALID_OPTION', retryable: false });
    return (error as Error).message;
  }
}

function given(path: string, value: unknown): Record<string, unknown> {
  const [first, second] = path.split('.') as [string, string?];
  return { stream: 'orders', [first]: second === undefined ? value : { [second]: value } };
}

describe('wrong options', () => {
  for (const [option, { expected, takes = [], but = {} }] of Object.entries(ROWS)) {
    it(`${option}: ${expected}`, () => {
      for (const kind of KINDS) {
        const [value, shown] = WRONG[kind];
        const message = takes.includes(kind)
          ? 'accepted'
          : (but[kind] ?? `Expected \`${option}\` to be ${expected}, got \`${shown}\``);
        expect(refusal(given(option, value)), kind).to.equal(message);
      }
    });
  }

  it('every option has a row', () => {
    const options = Object.keys(ROWS).map((path) => path.split('.')[0]);
    expect([...new Set(options)]).to.have.members([...CONSUMER_OPTIONS]);
  });

  for (const [misspelled, meant] of [
    ['thread', 'threads'],
    ['handlerThread', 'handlerThreads'],
    ['streem', 'stream'],
    ['straem', 'stream'],
    ['stream_name', 'stream'],
    ['streamName', 'stream'],
    ['Region', 'region'],
    ['region_name', 'region'],
    ['endpointUrl', 'endpoint'],
    ['procesor', 'processor'],
    ['checkPointer', 'checkpointer'],
    ['checkpoint_interval', 'checkpointIntervalMs'],
    ['leaseDuration', 'leaseDurationMs'],
    ['maxRecords', 'batch.maxRecords'],
    ['minDelayMs', 'onFailure.minDelayMs'],
    ['replyMs', 'timeouts.replyMs'],
    ['startPosition', 'start'],
    ['onfailure', 'onFailure'],
    ['acks', 'ack'],
    ['idleTimeout', 'idleTimeoutMs'],
  ] as const) {
    it(`${misspelled} is taken for ${meant}`, () => {
      // Alone: that `stream` is missing would be said of a misspelled `stream`.
      expect(refusal({ [misspelled]: 1 })).to.equal(
        `\`${misspelled}\` is not an option of a consumer; did you mean \`${meant}\`?`,
      );
    });
  }

  it('a name that is near to none is refused with all that there are', () => {
    expect(refusal({ stream: 's', colour: 1 })).to.equal(
      `\`colour\` is not an option of a consumer; the options are ${CONSUMER_OPTIONS.join(', ')}`,
    );
  });

  for (const [what, options, message] of [
    [
      'a field of batch',
      { batch: { maxRecord: 5 } },
      "Expected `batch` to be an object with the keys maxRecords, maxBytes, maxWaitMs, got `'maxRecord'`; did you mean `maxRecords`?",
    ],
    [
      'a field of onFailure',
      { onFailure: { delayMs: 5 } },
      "Expected `onFailure` to be an object with the keys minDelayMs, maxDelayMs, got `'delayMs'`; did you mean `minDelayMs`?",
    ],
    [
      'a longest delay below the shortest',
      { onFailure: { minDelayMs: 500, maxDelayMs: 499 } },
      `Expected \`onFailure.maxDelayMs\` to be an integer from 500 to ${DAY_MS}, got \`499\``,
    ],
    [
      'two ways to create a stream',
      { createStream: { shards: 2, mode: 'on-demand' } },
      `Expected \`createStream\` to be ${createsStream}, got \`{"shards":2,"mode":"on-demand"}\``,
    ],
    [
      'a mode that is none',
      { createStream: { mode: 'provisioned' } },
      `Expected \`createStream\` to be ${createsStream}, got \`{"mode":"provisioned"}\``,
    ],
    [
      'a field of createStream',
      { createStream: { shard: 2 } },
      "Expected `createStream` to be an object with the keys shards, mode, got `'shard'`; did you mean `shards`?",
    ],
    [
      'a processor that is none',
      { processor: 'jsonlines' },
      `Expected \`processor\` to be ${ROWS['processor']?.expected}, got \`'jsonlines'\`; did you mean \`json-lines\`?`,
    ],
    [
      'its name in an object',
      { processor: { name: 'KPL-JSON' } },
      `Expected \`processor\` to be ${ROWS['processor']?.expected}, got \`'KPL-JSON'\`; did you mean \`kpl-json\`?`,
    ],
    [
      'an option of it',
      { processor: { name: 'json', pretty: true } },
      "The processor 'json' has no option `pretty`; its options are compression, maxInflatedBytes",
    ],
    [
      'a value of it',
      { processor: { name: 'auto', serializer: 'xml' } },
      "Expected `processor.serializer` to be 'json' or 'string' or 'bytes' or 'msgpack', got `'xml'`",
    ],
    [
      'a limit of it',
      { processor: { name: 'json', maxInflatedBytes: NaN } },
      'Expected `processor.maxInflatedBytes` to be an integer from 1 to 1073741824, got `NaN`',
    ],
    [
      'a name that is no text',
      { processor: { name: 5 } },
      'Expected `processor.name` to be a string, got `5`',
    ],
    [
      'a name and a module',
      { processor: { name: 'json', module: 'file:///p.js' } },
      "Expected `processor` to be an object with `name` or `module`, not both, got `'{ name, module }'`",
    ],
    [
      'a password',
      { checkpointer: { url: 'redis://user:secret@host' } },
      "Expected `checkpointer` to be one of 'memory', 'local', 'redis', 'dynamodb', { name, ... } or { module, options }, got `'{ url }'`",
    ],
    [
      'an option of the checkpointer',
      { checkpointer: { name: 'memory', url: 'x' } },
      "Expected `checkpointer.url` to be nothing: 'memory' has no options, got `'x'`",
    ],
    [
      'options beside those of a module',
      { checkpointer: { module: 'file:///c.js', option: {} } },
      "Expected `checkpointer` to be an object with the keys module, options, got `'option'`; did you mean `options`?",
    ],
    [
      'options of a module that are none',
      { processor: { module: 'file:///p.js', options: 5 } },
      'Expected `processor.options` to be an object, got `5`',
    ],
    [
      'no options of a module',
      { processor: { module: 'file:///p.js', options: null } },
      'Expected `processor.options` to be an object, got `null`',
    ],
    ...(['./p.js', '../p.js', ''] as const).map(
      (module) =>
        [
          `the module '${module}'`,
          { processor: { module } },
          `Expected \`processor.module\` to be a URL such as \`new URL('./mine.js', import.meta.url)\`, an absolute path or the name of a package, got \`'${module}'\``,
        ] as const,
    ),
    [
      'a function for a thread',
      { processor: { module: 'file:///p.js', options: { f: () => 1 } } },
      'Expected the options of `processor` to be plain data that can be sent to a thread: () => 1 could not be cloned.',
    ],
    [
      'a promise for a thread',
      { checkpointer: { module: 'file:///p.js', options: { p: Promise.resolve() } } },
      'Expected the options of `checkpointer` to be plain data that can be sent to a thread: #<Promise> could not be cloned.',
    ],
    [
      'an endpoint of URL',
      { endpoint: new URL('http://localhost:4567') },
      'Expected `endpoint` to be an http or https URL as text, got `an instance of URL`',
    ],
    [
      'an endpoint without a scheme',
      { endpoint: 'localhost:4567' },
      "Expected `endpoint` to be an http or https URL as text, got `'localhost:4567'`",
    ],
    ['a region in capitals', { region: 'EU-West-1' }, badRegion('EU-West-1')],
    [
      'another region than that of the ARN',
      { stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/s', region: 'us-east-1' },
      "Expected `region` to be that of the stream's ARN, 'eu-west-1', got 'us-east-1'",
    ],
    [
      'half an ARN',
      { stream: 'arn:aws:kinesis' },
      "Expected `stream` to be an ARN like arn:aws:kinesis:eu-west-1:123456789012:stream/name, got 'arn:aws:kinesis'",
    ],
    [
      'a controller as signal',
      { signal: new AbortController() },
      'Expected `signal` to be an AbortSignal, got `an instance of AbortController`',
    ],
    [
      'half a logger',
      { logger: { debug() {}, info() {}, warn() {} } },
      'Expected `logger` to be an object with the methods debug, info, warn, error, got `{"debug":"a function","info":"a function","warn":"a function"}`',
    ],
  ] as readonly (readonly [string, Record<string, unknown>, string])[]) {
    it(`${what} is refused`, () => expect(refusal({ stream: 's', ...options })).to.equal(message));
  }

  for (const [bad, shown] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['orders', "'orders'"],
    [['orders'], '["orders"]'],
    [() => 1, 'a function'],
    [Promise.resolve({ stream: 's' }), 'an instance of Promise'],
  ] as const) {
    it(`${shown} as options is refused`, () => {
      expect(refusal(bad)).to.equal(`Expected \`options\` to be an object, got \`${shown}\``);
    });
  }
});

describe('options of stop and ready', () => {
  const refused = async (call: (consumer: Consumer) => Promise<void>): Promise<string> => {
    const consumer = new Consumer({ stream: 's' });
    const error: unknown = await call(consumer).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(ShardpoolError).and.to.include({ code: 'ERR_INVALID_OPTION' });
    return (error as Error).message;
  };

  for (const [value, shown] of [
    [-1, '-1'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    [1.5, '1.5'],
    ['5', "'5'"],
    [null, 'null'],
  ] as const) {
    it(`${shown} is no time to wait`, async () => {
      const expected = (name: string) =>
        `Expected \`${name}\` to be an integer from 0 to ${DAY_MS}, got \`${shown}\``;
      const wrong = value as number;
      expect(await refused((consumer) => consumer.stop({ deadlineMs: wrong }))).to.equal(
        expected('deadlineMs'),
      );
      expect(await refused((consumer) => consumer.ready({ timeoutMs: wrong }))).to.equal(
        expected('timeoutMs'),
      );
    });
  }

  it('a misspelled one is not ignored', async () => {
    const options = { deadline: 5 } as object;
    expect(await refused((consumer) => consumer.stop(options))).to.equal(
      "Expected `options` to be an object with the keys deadlineMs, got `'deadline'`; did you mean `deadlineMs`?",
    );
  });

  it('what a listener is called with is no concern of stop', async () => {
    for (const what of ['SIGTERM', null, new Event('abort'), { deadlineMs: undefined }]) {
      await new Consumer({ stream: 's' }).stop(what as object);
    }
  });
});
