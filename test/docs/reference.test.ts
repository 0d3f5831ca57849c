// The tables of the docs against the code, in both directions: nothing is missing, and nothing is listed that does not exist.

import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { CONSUMER_EVENTS } from '../../src/consumer/events.ts';
import { HEALTH_PROBLEMS } from '../../src/consumer/health.ts';
import { Consumer } from '../../src/consumer.ts';
import { KINESIS_ERROR_KINDS } from '../../src/kinesis/errors.ts';
import { ERROR_CODES } from '../../src/model/errors.ts';
import { END_REASONS, LEASE_STATES, SHARD_STATES } from '../../src/model/shard.ts';
import { CHECKPOINTERS, PROCESSORS } from '../../src/model/specs.ts';
import { CONSUMER_OPTIONS, type ConsumerOptions, resolveConsumerOptions } from '../../src/options.ts';
import { MAY_IMPORT } from '../import-rules.ts';
import { namesOf, spansOf, type Table, tableUnder } from './markdown.ts';
import { COMPILED, readPage, ROOT } from './pages.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

const reference = readPage('docs/reference.md').markdown;
const leases = readPage('docs/leases.md').markdown;
const architecture = readPage('docs/architecture.md').markdown;

function expectSame(documented: Iterable<string>, actual: Iterable<string>): void {
  expect([...documented].sort()).to.deep.equal([...actual].sort());
}

const withoutCode = (text: string) => text.replaceAll('`', '');

describe('the reference of consumer options', () => {
  const rows = tableUnder(reference, 'Consumer options').rows.map((row) => ({
    path: spansOf(row.get('option')!)[0]!,
    range: row.get('type and range')!,
    fallback: row.get('default')!,
  }));
  const defaults = resolveConsumerOptions({ stream: 's' }) as unknown as Readonly<Record<string, unknown>>;

  const resolvedAt = (from: Readonly<Record<string, unknown>>, path: string): unknown => {
    const [name, field] = path.split('.') as [string, string | undefined];
    const value = from[name];
    return field === undefined ? value : (value as Record<string, unknown>)[field];
  };
  const given = (path: string, value: unknown): ConsumerOptions => {
    const [name, field] = path.split('.') as [string, string | undefined];
    return { stream: 's', [name]: field === undefined ? value : { [field]: value } };
  };

  it('lists every option, and no other', () => {
    expectSame(new Set(rows.map(({ path }) => path.split('.')[0]!)), CONSUMER_OPTIONS);
    expect(new Set(rows.map(({ path }) => path)).size).to.equal(rows.length);
  });

  for (const section of ['batch', 'onFailure', 'timeouts'] as const) {
    it(`lists every field of ${section}, and no other`, () => {
      const fields = rows
        .filter(({ path }) => path.startsWith(`${section}.`))
        .map(({ path }) => path.split('.')[1]!);
      expectSame(fields, Object.keys(defaults[section] as object));
    });
  }

  /** A default is no plain value for these, or one of this machine. */
  const IN_WORDS: readonly string[] = ['stream', 'threads', 'instanceId', 'logger'];

  for (const { path, fallback, range } of rows) {
    it(`has the default of ${path}`, () => {
      const actual = plain(resolvedAt(defaults, path));
      const literal = literalOf(fallback);
      if (literal === undefined) {
        const isInWords = IN_WORDS.includes(path) || actual === null || actual === undefined;
        expect(isInWords, `${path} is ${String(actual)} by default, the table says "${fallback}"`).to.equal(
          true,
        );
        return;
      }
      // No limit is Infinity to users, and nothing to create is false.
      const expected = literal.value === Infinity || literal.value === false ? null : literal.value;
      expect(actual).to.equal(expected);
    });

    const bounds = /(integer|number), `([^`]+)` to `([^`]+)`$/.exec(range);
    if (bounds) {
      it(`has the range of ${path}`, () => {
        const [, kind, lowest, highest] = bounds;
        const bound = (text: string) => literalOf(`\`${text}\``)?.value ?? resolvedAt(defaults, text);
        const [min, max] = [bound(lowest!) as number, bound(highest!) as number];
        const step = kind === 'integer' ? 1 : 0.001;
        for (const value of [min, max]) resolveConsumerOptions(given(path, value));
        for (const value of [min - step, max + step, kind === 'integer' ? min + 0.5 : Number.NaN]) {
          expect(() => resolveConsumerOptions(given(path, value)), `${path}: ${value}`).to.throw(
            `\`${path}\``,
          );
        }
      });
    } else if (range === 'integer from `1`, or `Infinity`') {
      it(`has the range of ${path}`, () => {
        for (const value of [1, 2 ** 40, Infinity]) resolveConsumerOptions(given(path, value));
        for (const value of [0, 1.5])
          expect(() => resolveConsumerOptions(given(path, value))).to.throw(`\`${path}\``);
      });
    } else {
      const values = spansOf(range).filter((span) => /^'[\w-]+'$/.test(span));
      if (values.length > 0) {
        it(`has the values of ${path}`, () => {
          for (const value of values) resolveConsumerOptions(given(path, value.slice(1, -1)));
        });
      }
      it(`says of ${path} that it is not just anything`, () => {
        // The consumer checks these where it loads them.
        const check =
          path === 'credentials' ? (it: ConsumerOptions) => new Consumer(it) : resolveConsumerOptions;
        expect(() => check(given(path, true))).to.throw(path);
      });
    }
  }

  /** `{ name: 'json', options: {} }` is what 'json' became. */
  function plain(value: unknown): unknown {
    const isSpec = typeof value === 'object' && value !== null && 'name' in value;
    return isSpec ? value.name : value;
  }

  /** The value that a cell shows as code and nothing else; undefined for words. */
  function literalOf(cell: string): { readonly value: unknown } | undefined {
    const code = /^`([^`]+)`$/.exec(cell)?.[1];
    if (code === undefined) return undefined;
    if (code === 'false') return { value: false };
    if (code === 'Infinity') return { value: Infinity };
    const text = /^'([^']*)'$/.exec(code)?.[1];
    if (text !== undefined) return { value: text };
    return /^[\d_.]+$/.test(code) ? { value: Number(code.replaceAll('_', '')) } : undefined;
  }
});

describe('the reference of names', () => {
  const table = (heading: string) => tableUnder(reference, heading);

  const sets: Record<string, Iterable<string>> = {
    Events: CONSUMER_EVENTS,
    'Error codes': Object.keys(ERROR_CODES),
    'Shard states': Object.keys(SHARD_STATES),
    'Lease states': Object.keys(LEASE_STATES),
    'End reasons': END_REASONS,
    Health: Object.keys(HEALTH_PROBLEMS),
    Processors: PROCESSORS,
    Checkpointers: CHECKPOINTERS,
  };
  for (const [heading, actual] of Object.entries(sets)) {
    it(`lists all ${heading.toLowerCase()}, and no others`, () =>
      expectSame(namesOf(table(heading)), actual));
  }

  it('has the end reasons in their order', () => {
    expect(namesOf(table('End reasons'))).to.deep.equal([...END_REASONS]);
  });

  const meanings: Record<string, Readonly<Record<string, string>>> = {
    'Error codes': ERROR_CODES,
    'Shard states': SHARD_STATES,
    'Lease states': LEASE_STATES,
    Health: HEALTH_PROBLEMS,
  };
  for (const [heading, actual] of Object.entries(meanings)) {
    it(`says of ${heading.toLowerCase()} what the code says`, () => {
      const { rows, columns } = table(heading);
      for (const row of rows) {
        const name = spansOf(row.get(columns[0]!)!)[0]!;
        expect(withoutCode(row.get('meaning')!), name).to.equal(actual[name]);
      }
    });
  }

  it('says which errors of AWS are retryable', () => {
    for (const row of table('Error codes').rows) {
      const code = spansOf(row.get('code')!)[0]!;
      const said = row.get('retryable')!;
      expect(said, code).to.be.oneOf(['yes', 'no', 'sometimes']);
      for (const kind of Object.values(KINESIS_ERROR_KINDS).filter((each) => each.code === code)) {
        expect(said, code).to.be.oneOf([kind.retryable ? 'yes' : 'no', 'sometimes']);
      }
    }
  });
});

describe('the tables of fields', function () {
  this.timeout(30_000);

  interface Claim {
    readonly title: string;
    readonly documented: readonly string[];
    /** A union of string literals, in terms of the modules imported below. */
    readonly actual: string;
  }

  const keysOf = (type: string) => `Exclude<keyof (${type}), symbol>`;
  const byName = (title: string, where: Table, type: string): Claim => ({
    title,
    documented: namesOf(where).flatMap((name) => /^\w+/.exec(name)?.[0] ?? []),
    actual: keysOf(type),
  });
  const inReference = (heading: string, type: string) =>
    byName(heading, tableUnder(reference, heading), type);

  const claims: Claim[] = [
    inReference('The consumer', 'Omit<index.Consumer, keyof EventEmitter>'),
    inReference('Handler hooks', 'index.HandlerHooks'),
    inReference('Handler context', 'index.HandlerContext'),
    inReference('Batches', 'index.Batch'),
    inReference('Records', 'index.StreamRecord'),
    inReference('Status', 'index.ConsumerStatus'),
    inReference('A shard of the status', 'index.ShardStatus'),
    inReference('A thread of the status', "index.ConsumerStatus['threads'][number]"),
    byName('Your own store', tableUnder(leases, 'Your own store'), 'store.LeaseStore'),
    byName(
      'Writes',
      tableUnder(leases, 'Writes'),
      "Omit<store.LeaseStore, 'open' | 'close' | 'readTick' | 'readAll' | 'readSession' | 'readShard' | 'isAlone' | 'isLocal' | 'watch'>",
    ),
  ];
  for (const row of tableUnder(reference, 'Events').rows) {
    const name = spansOf(row.get('event')!)[0]!;
    const fields = row.get('fields')!;
    const listener = `index.ConsumerEvents['${name}']`;
    // An event with a single argument that is no object of fields says which class it is of.
    const actual =
      fields === 'an `Error`'
        ? `${listener} extends [Error] ? never : 'not an Error'`
        : keysOf(`${listener}[0]`);
    const documented = fields === 'an `Error`' ? [] : spansOf(fields);
    claims.push({
      title: `Events: ${name}`,
      documented,
      actual: fields === '' ? `${listener}[number]` : actual,
    });
  }
  for (const row of tableUnder(leases, 'Rows').rows) {
    const name = row.get('row')!;
    const type =
      { app: 'store.AppRow', session: 'store.SessionRow', shard: 'store.ShardRow' }[name] ??
      `no type for ${name}`;
    claims.push({ title: `Rows: ${name}`, documented: spansOf(row.get('fields')!), actual: keysOf(type) });
  }
  const CHANNELS: Readonly<Record<string, readonly [down: string, up: string]>> = {
    'main and coordinator': ['MainToCoordinator', 'CoordinatorToMain'],
    'coordinator and receiver': ['CoordinatorToReceiver', 'ReceiverToCoordinator'],
    'coordinator and fetch thread': ['CoordinatorToFetcher', 'FetcherToCoordinator'],
    'fetch thread and receiver': ['FetcherToReceiver', 'ReceiverToFetcher'],
    'main and handler thread': ['MainToHandlerThread', 'HandlerThreadToMain'],
  };
  for (const row of tableUnder(architecture, 'Messages').rows) {
    const channel = row.get('between')!;
    for (const [at, direction] of (['down', 'up'] as const).entries()) {
      const type = CHANNELS[channel]?.[at] ?? `no channel ${channel}`;
      const actual = `protocol.${type}['type']`;
      claims.push({ title: `${channel}, ${direction}`, documented: spansOf(row.get(direction)!), actual });
    }
  }

  let workshop: Workshop;
  let problems: string[] = [];
  after(() => workshop.remove());

  before(async () => {
    workshop = openWorkshop();
    const lines = [
      `import type { EventEmitter } from 'node:events';`,
      `import type * as index from '${COMPILED}src/index.js';`,
      `import type * as store from '${COMPILED}src/model/lease-store.js';`,
      `import type * as protocol from '${COMPILED}src/protocol.js';`,
      `type Nothing<T> = [T] extends [never] ? null : T;`,
    ];
    const claimed = claims.map(({ documented, actual }) => {
      const names = documented.map((name) => `'${name}'`).join(' | ') || 'never';
      // One line each: the compiler names what is left over, and its line says where.
      lines.push(`{ const missing: Nothing<Exclude<${actual}, ${names}>> = null; void missing; }`);
      lines.push(`{ const invented: Nothing<Exclude<${names}, ${actual}>> = null; void invented; }`);
      return lines.length;
    });
    workshop.write('claims.ts', lines.join('\n'));
    const found = (await workshop.typeCheck()).get('claims.ts') ?? [];
    problems = found.map((line) => {
      const at = Number(/^line (\d+)/.exec(line)![1]);
      const claim = claims[claimed.findIndex((last) => at <= last)]!;
      return `${claim.title}: ${line}`;
    });
  });

  for (const { title } of claims) {
    it(`are those of the types: ${title}`, () => {
      expect(problems.filter((problem) => problem.startsWith(`${title}: `))).to.deep.equal([]);
    });
  }

  it('are checked, all of them', () => expect(problems).to.deep.equal([]));
});

describe('the promises', () => {
  const { rows } = tableUnder(architecture, 'Promises and their tests');

  /** Texts of the titles of a test file; what a template puts in stands as it is written. */
  const titlesOf = (file: string): string[] =>
    Array.from(
      readFileSync(`${ROOT}${file}`, 'utf8').matchAll(
        /^\s*(?:(?:it|describe)\(\s*(['"`])(.*?)\1,|(['"`])([^\n]*?)\3: (?:async )?\()/gms,
      ),
      ([, , title, , key]) => title ?? key!,
    );

  it('of the README are those of the table', () => {
    const [, section] = /^## What is promised\n(.*?)^## /ms.exec(readPage('README.md').source)!;
    const promised = Array.from(section!.matchAll(/^- \*\*(.+?)\.\*\*/gm), ([, name]) => name!);
    expect([...new Set(rows.map((row) => row.get('promise')!))]).to.deep.equal(promised);
  });

  for (const row of rows) {
    const file = spansOf(row.get('test')!)[0]!;
    const words = /^"(.+)"$/.exec(row.get('title')!)?.[1] ?? '';
    it(`are tested: ${file}, "${words}"`, () => {
      expect(words).not.to.equal('');
      expect(titlesOf(file).filter((title) => title.includes(words))).not.to.be.empty;
    });
  }
});

describe('the architecture', () => {
  it('lists every part of the source, and no other', () => {
    const parts = Object.keys(MAY_IMPORT).filter(
      (part) => existsSync(`${ROOT}src/${part}`) || existsSync(`${ROOT}src/${part}.ts`) || part === 'workers',
    );
    expectSame(namesOf(tableUnder(architecture, 'Layout of the source')), parts);
  });

  for (const page of [architecture, leases, readPage('CONTRIBUTING.md').markdown]) {
    const files = page.spans.filter((span) => /^(src|test|workers|docs)\//.test(span));
    for (const file of new Set(files)) {
      it(`names ${file}, which exists`, () => expect(existsSync(`${ROOT}${file}`)).to.equal(true));
    }
  }

  const files = architecture.spans.filter(
    (span) => /^[a-z]+\/[\w-]+\.ts$/.test(span) && !span.startsWith('test/'),
  );
  for (const file of new Set(files)) {
    const path = /^(src|workers)\//.test(file) ? file : `src/${file}`;
    it(`names ${file}, which exists`, () => expect(existsSync(`${ROOT}${path}`)).to.equal(true));
  }
});
