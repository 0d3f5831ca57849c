// What goes wrong with the modules and the stream of a consumer, and what `run` rejects with: its code, its message, its cause.

import type { ConsumerOptions, ErrorCode } from '../../../src/index.ts';

export interface Case {
  readonly title: string;
  readonly code: ErrorCode | 'ERR_DATABASE';
  readonly options?: Partial<ConsumerOptions>;
  readonly handler?: URL;
  /** The whole message; URL stands for that of the module. */
  readonly message: string | RegExp;
  /** Code or name, and message, of the cause. */
  readonly cause?: RegExp;
  /** Nothing of it happens in the thread of the handler. */
  readonly onlyInMain?: true;
}

export const broken = (name: string) => new URL(`./${name}.js`, import.meta.url);

/** A program with a mistake in it, which no file of ours can have. */
const SYNTAX = new URL('data:text/javascript,export%20default%20(');

const SCHEME = 'to be a function or the result of defineHandler(...)';
const NOT_FOUND = /^ERR_MODULE_NOT_FOUND: Cannot find module/;

export const HANDLER_CASES: readonly Case[] = [
  ...(
    [
      ['missing', `The handler module URL could not be imported: Cannot find module 'PATH'`, NOT_FOUND],
      [
        'needs-missing',
        "The handler module URL could not be imported: Cannot find module 'FOLDER/missing.js' imported from PATH",
        NOT_FOUND,
      ],
      [
        'throws',
        'The handler module URL could not be imported: thrown on import',
        /^Error: thrown on import$/,
      ],
      ['throws-text', 'The handler module URL could not be imported: thrown on import'],
      [
        'no-default',
        'The handler module URL has no default export, only handle; expected `export default defineHandler(async (batch) => ...)`',
      ],
      ['not-a-handler', `Expected the default export of URL ${SCHEME}, got \`42\``],
      [
        'class',
        `Expected the default export of URL ${SCHEME}, got \`the class Orders\`; pass an object with a function \`handle\``,
      ],
    ] as const
  ).map(
    ([name, message, cause]): Case => ({
      title: `the handler module ${name}`,
      code: 'ERR_INVALID_HANDLER',
      handler: broken(name),
      message,
      ...(cause && { cause }),
    }),
  ),
  {
    title: 'a handler module with an error of syntax',
    code: 'ERR_INVALID_HANDLER',
    handler: SYNTAX,
    message: 'The handler module URL could not be imported: Unexpected end of input',
    cause: /^SyntaxError: /,
  },
  {
    title: 'a misspelled hook',
    code: 'ERR_INVALID_OPTION',
    handler: broken('misspelled-hook'),
    message: '`onShardStarted` in the default export of URL is not a hook; did you mean `onShardStart`?',
  },
  // The error of the user, as it is.
  {
    title: 'a handler whose setup throws',
    code: 'ERR_DATABASE',
    handler: broken('failing-setup'),
    message: 'no database',
  },
];

export const PROCESSOR_CASES: readonly Case[] = (
  [
    ['missing', /^The processor module URL cannot be imported: Cannot find module 'PATH'/, NOT_FOUND],
    ['throws', 'The processor module URL cannot be imported: thrown on import', /^Error: thrown on import$/],
    ['no-default', 'The processor module URL has no function `deserialize`'],
    ['not-a-handler', 'The processor module URL has no function `deserialize`'],
    ['half', 'The processor module URL has no function `deserialize`'],
    [
      'failing-constructor',
      'The processor module URL failed to make its processor: no schema',
      /^TypeError: no schema$/,
    ],
    [
      'async-transform',
      "The processor 'URL' has an async `transform`; it must return its bytes at once, not a promise",
    ],
  ] as const
).map(
  ([name, message, cause]): Case => ({
    title: `the processor module ${name}`,
    code: 'ERR_INVALID_PROCESSOR',
    options: { processor: { module: broken(name) } },
    message,
    ...(cause && { cause }),
  }),
);

export const CHECKPOINTER_CASES: readonly Case[] = (
  [
    [
      'missing',
      'ERR_INVALID_OPTION',
      /^The checkpointer module URL cannot be imported: Cannot find module 'PATH'/,
      NOT_FOUND,
    ],
    [
      'throws',
      'ERR_INVALID_OPTION',
      'The checkpointer module URL cannot be imported: thrown on import',
      /^Error: thrown on import$/,
    ],
    [
      'not-a-handler',
      'ERR_INVALID_OPTION',
      'The checkpointer module URL exports no function as `default` or `createLeaseStore`',
    ],
    [
      'failing-constructor',
      'ERR_LEASE_STORE',
      'The checkpointer module URL made no lease store: no table',
      /^TypeError: no table$/,
    ],
    ['half', 'ERR_LEASE_STORE', /^The lease store of URL lacks the methods close, readTick, /],
  ] as const
).map(
  ([name, code, message, cause]): Case => ({
    title: `the checkpointer module ${name}`,
    code,
    options: { checkpointer: { module: broken(name) } },
    message,
    onlyInMain: true,
    ...(cause && { cause }),
  }),
);

const later = 'The same call may succeed later; if it lasts, check endpoint, proxy and network.';
const listing = 'ListShards on stream orders failed:';
const vault = {
  message: /^ListShards on stream orders failed: .*The `credentials` function failed: no vault$/,
  code: 'ERR_CREDENTIALS',
} as const;

/** What is at the addresses that the cases need. */
export interface Places {
  readonly refusedKey: string;
  readonly closed: string;
  readonly silent: string;
  readonly page: string;
  readonly failing: string;
}

/** Some of it is known only once the servers listen. */
export const awsCases = ({ refusedKey, closed, silent, page, failing }: Places): readonly Case[] =>
  [
    {
      title: 'a missing stream',
      code: 'ERR_STREAM_NOT_FOUND',
      options: { stream: 'missing' },
      message:
        'ListShards on stream missing failed: ResourceNotFoundException: Stream missing under account 000000000000 not found. Check name, region, account and endpoint.',
      cause: /^ResourceNotFoundException: /,
    },
    {
      title: 'a missing stream, nothing described',
      code: 'ERR_STREAM_NOT_FOUND',
      options: { stream: 'missing', describe: 'skip' },
      message: /^ListShards on stream missing failed: ResourceNotFoundException: /,
      onlyInMain: true,
    },
    {
      title: 'refused credentials',
      code: 'ERR_ACCESS_DENIED',
      options: { credentials: { accessKeyId: refusedKey, secretAccessKey: 'x' } },
      message:
        /^ListShards on stream orders failed: UnrecognizedClientException: .* Check the keys, and the account and partition that they belong to\.$/,
    },
    {
      title: 'a stream that must not be listed',
      code: 'ERR_ACCESS_DENIED',
      options: { stream: 'unlisted' },
      message:
        "ListShards on stream unlisted failed: AccessDeniedException: User is not authorized to perform this operation. Check the policy of the identity, and that of the stream's KMS key.",
      onlyInMain: true,
    },
    {
      title: 'a stream that must not be read',
      code: 'ERR_ACCESS_DENIED',
      options: { stream: 'unread' },
      message: /^GetRecords on .*unread.* failed: AccessDeniedException: User is not authorized/,
    },
    {
      title: 'a credentials provider that throws',
      options: {
        credentials: () => {
          throw new Error('no vault');
        },
      },
      ...vault,
    },
    {
      title: 'a credentials provider that rejects',
      options: { credentials: () => Promise.reject(new Error('no vault')) },
      ...vault,
      onlyInMain: true,
    },
    {
      title: 'a credentials provider that gives rubbish',
      code: 'ERR_CREDENTIALS',
      options: {
        credentials: (() => Promise.resolve('key')) as unknown as NonNullable<ConsumerOptions['credentials']>,
      },
      message:
        /^ListShards on stream orders failed: .*Expected `credentials` to give an object with keys, got string$/,
      onlyInMain: true,
    },
    {
      title: 'an endpoint that refuses connections',
      code: 'ERR_CONNECTION',
      options: { endpoint: closed },
      message: `${listing} connect ECONNREFUSED ${new URL(closed).host}. ${later}`,
      onlyInMain: true,
      cause: /^ECONNREFUSED: /,
    },
    {
      title: 'an endpoint of no host',
      code: 'ERR_CONNECTION',
      options: { endpoint: 'http://kinesis.invalid:4567' },
      // What it says depends on the resolver of the host.
      message: /^ListShards on stream orders failed: getaddrinfo E\w+ kinesis\.invalid\. /,
      onlyInMain: true,
    },
    {
      title: 'an endpoint that accepts and never answers',
      code: 'ERR_CONNECTION',
      options: { endpoint: silent, timeouts: { replyMs: 300 } },
      message: /^ListShards on stream orders failed: .*300 ?ms.* The same call may succeed later/,
      onlyInMain: true,
    },
    {
      title: 'an endpoint that answers a web page',
      code: 'ERR_CONNECTION',
      options: { endpoint: page },
      message: /^ListShards on stream orders failed: .*\bnot "\.\.\. is not valid JSON/,
      onlyInMain: true,
    },
    {
      title: 'an endpoint that always answers 500',
      code: 'ERR_CONNECTION',
      options: { endpoint: failing },
      message: /^ListShards on stream orders failed: .*HTTP 500\. The same call may succeed later/,
      onlyInMain: true,
    },
  ] satisfies readonly Case[];
