// The import rule, on the sources as they are and on sources made up to break it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { expect } from 'chai';
import { importsOf } from './import-lexer.ts';
import { MAX_WORKER_LINES, violationsOf } from './import-rules.ts';

/** The tests run compiled, from a folder of any name inside the project. */
function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function sourcesOf(...folders: readonly string[]): Map<string, string> {
  const root = projectRoot();
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const path = `${folder}/${name.split(sep).join('/')}`;
      sources.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return sources;
}

describe('the import rule', () => {
  it('holds for src and workers', () => {
    const sources = sourcesOf('src', 'workers');
    expect([...sources.keys()]).to.include('src/model/errors.ts');
    expect(violationsOf(sources)).to.deep.equal([]);
  });

  it('sees the imports of the sources, all of which lead to a file', () => {
    const sources = sourcesOf('src', 'workers');
    let relative = 0;
    for (const [path, source] of sources) {
      for (const specifier of importsOf(source)) {
        if (!specifier.startsWith('.')) continue;
        relative += 1;
        expect(existsSync(join(projectRoot(), dirname(path), specifier)), `${path} -> ${specifier}`).to.equal(
          true,
        );
      }
      const lines = source.split('\n').filter((line) => /^(import|export) .*from '|^} from '/.test(line));
      expect(importsOf(source).length, path).to.be.at.least(lines.length);
    }
    expect(relative).to.be.above(20);
  });
});

describe('violationsOf', () => {
  const check = (sources: Record<string, string>): string[] => violationsOf(new Map(Object.entries(sources)));

  const allowed: Record<string, Record<string, string>> = {
    'model from model': { 'src/model/a.ts': "import { b } from './b.ts';" },
    'platform from model': { 'src/platform/a.ts': "import type { B } from '../model/b.ts';" },
    'codec from platform and itself': {
      'src/codec/kpl/a.ts': "import '../../platform/b.ts'; export * from '../c.ts';",
    },
    'a stage from what is below': {
      'src/sending/a.ts':
        "import '../model/b.ts'; import '../codec/b.ts'; import '../kinesis/b.ts'; import '../protocol.ts';",
    },
    'a root from every stage': {
      'src/consumer.ts': "import './consumer/start.ts'; import './fetching/a.ts'; import './options.ts';",
      'src/consumer/start.ts': "import '../coordinator/a.ts'; import { Worker } from 'node:worker_threads';",
    },
    'threads in the pool, the workers and the simulator': {
      'src/coordinator/pool.ts': "import { MessageChannel } from 'node:worker_threads';",
      'workers/fetcher.ts':
        "import { parentPort } from 'node:worker_threads'; import '../src/fetching/host.ts';",
      'src/testing/simulator/start.ts': "import { Worker } from 'node:worker_threads';",
    },
    'the command line from the index': { 'src/cli/run.ts': "import { Consumer } from '../index.ts';" },
    'packages and Node': { 'src/kinesis/a.ts': "import 'node:https'; import '@aws-sdk/client-kinesis';" },
  };
  for (const [title, sources] of Object.entries(allowed)) {
    it(`allows ${title}`, () => expect(check(sources)).to.deep.equal([]));
  }

  const forbidden: Record<string, { sources: Record<string, string>; says: RegExp }> = {
    'model from platform': {
      sources: { 'src/model/a.ts': "import type { B } from '../platform/b.ts';" },
      says: /^src\/model\/a\.ts: model may not import platform/,
    },
    'model from Node': { sources: { 'src/model/a.ts': "import 'node:fs';" }, says: /imports nothing/ },
    'platform from codec': {
      sources: { 'src/platform/a.ts': "export * from '../codec/b.ts';" },
      says: /platform may not import codec/,
    },
    'codec from kinesis': {
      sources: { 'src/codec/a.ts': "import '../kinesis/b.ts';" },
      says: /codec may not import kinesis/,
    },
    'the protocol from codec': {
      sources: { 'src/protocol.ts': "import type { B } from './codec/b.ts';" },
      says: /protocol\.ts may not import codec/,
    },
    'kinesis from the protocol': {
      sources: { 'src/kinesis/a.ts': "import '../protocol.ts';" },
      says: /kinesis may not import protocol/,
    },
    'a stage from another': {
      sources: { 'src/delivery/a.ts': "import { b } from '../fetching/b.ts';" },
      says: /delivery may not import fetching/,
    },
    'a stage from another, as a type only': {
      sources: { 'src/coordinator/a.ts': "type B = import('../checkpointers/b.ts').B;" },
      says: /coordinator may not import checkpointers/,
    },
    'a stage from another, later': {
      sources: { 'src/observe/a.ts': "const b = await import('../sending/b.ts');" },
      says: /observe may not import sending/,
    },
    'a stage from the options': {
      sources: { 'src/fetching/a.ts': "import type { B } from '../options.ts';" },
      says: /fetching may not import options/,
    },
    'a stage from a root': {
      sources: { 'src/fetching/a.ts': "import type { B } from '../consumer.ts';" },
      says: /fetching may not import consumer/,
    },
    'the options from a stage': {
      sources: { 'src/options.ts': "import { B } from './delivery/b.ts';" },
      says: /options\.ts may not import delivery/,
    },
    'the handler types from the options': {
      sources: { 'src/handler.ts': "import type { B } from './options.ts';" },
      says: /handler\.ts may not import options/,
    },
    'one root from the other': {
      sources: { 'src/consumer/a.ts': "import '../producer.ts';" },
      says: /consumer may not import producer/,
    },
    'the testing kit from a stage': {
      sources: { 'src/testing/a.ts': "import '../kinesis/api.ts';" },
      says: /testing may not import kinesis/,
    },
    'a root from the index': {
      sources: { 'src/consumer.ts': "import './index.ts';" },
      says: /imports src\/index\.ts/,
    },
    'a worker from the command line': {
      sources: { 'workers/a.ts': "import '../src/cli/run.ts';" },
      says: /workers may not import cli/,
    },
    'the index under its own name': {
      sources: { 'src/cli/a.ts': "import 'shardpool/testing';" },
      says: /own package/,
    },
    'the tests': {
      sources: { 'src/cli/a.ts': "import '../../test/fakes/b.ts';" },
      says: /outside of the source/,
    },
    'a worker as a module': {
      sources: { 'src/coordinator/a.ts': "import '../../workers/b.ts';" },
      says: /coordinator may not import workers/,
    },
    'threads in a stage': {
      sources: { 'src/fetching/a.ts': "import { parentPort } from 'node:worker_threads';" },
      says: /may not import node:worker_threads/,
    },
    'threads without the prefix, and by require': {
      sources: { 'src/producer.ts': "require('worker_threads')" },
      says: /may not import worker_threads/,
    },
    'threads around the corner': {
      sources: { 'src/delivery/a.ts': "process.getBuiltinModule('node:worker_threads')" },
      says: /may not import node:worker_threads/,
    },
    'a folder that no rule names': { sources: { 'src/utils/a.ts': '' }, says: /no rule for utils/ },
    'a long worker': {
      sources: { 'workers/a.ts': 'run();\n'.repeat(MAX_WORKER_LINES) },
      says: /fewer than 40 lines/,
    },
  };
  for (const [title, { sources, says }] of Object.entries(forbidden)) {
    it(`reports ${title}`, () => {
      const violations = check(sources);
      expect(violations).to.have.length(1);
      expect(violations[0]).to.match(says);
    });
  }

  it('allows a worker of 39 lines', () => {
    expect(check({ 'workers/a.ts': 'run();\n'.repeat(MAX_WORKER_LINES - 1) })).to.deep.equal([]);
  });

  it('reports a cycle, also through types, and of one file', () => {
    expect(
      check({
        'src/model/a.ts': "import './b.ts';",
        'src/model/b.ts': "import type { C } from './c.ts';",
        'src/model/c.ts': "export * from './a.ts';",
        'src/model/d.ts': "import './a.ts'; import './d.ts';",
      }),
    ).to.deep.equal([
      'import cycle: src/model/a.ts -> src/model/b.ts -> src/model/c.ts -> src/model/a.ts',
      'import cycle: src/model/d.ts -> src/model/d.ts',
    ]);
  });

  it('takes a diamond for no cycle', () => {
    expect(
      check({
        'src/model/a.ts': "import './b.ts'; import './c.ts';",
        'src/model/b.ts': "import './d.ts';",
        'src/model/c.ts': "import './d.ts';",
        'src/model/d.ts': '',
      }),
    ).to.deep.equal([]);
  });
});

describe('importsOf', () => {
  const cases: Record<string, { source: string; imports: string[] }> = {
    'every form': {
      source: `
        import 'a';
        import b, { c as d } from "b";
        import * as e from 'c'
        import type { F } from 'd';
        import { type G, from } from 'e';
        export * from 'f';
        export * as h from 'g';
        export type { I } from 'h';
        export { j, type K } from 'i';
        const l = await import('j');
        type M = import('k').N;
        import data from 'l' with { type: 'json' };`,
      imports: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'],
    },
    'several lines': { source: "import {\n  a,\n  b,\n} from\n  'x';", imports: ['x'] },
    'no semicolons': { source: "import a from 'a'\nexport { b }\nimport c from 'c'\n", imports: ['a', 'c'] },
    'what only looks like one': {
      source: `
        // import 'a';
        /* export * from 'b'; */
        const text = "import 'c'"; const t = \`import 'd'; \${f('}')} import 'e'\`;
        const regex = /import 'f'/; const other = [/['"\`]/.exec(x), 4 / 2 / 1];
        export const from = 'g'; export { text }; export type T = { from: 'h' };
        import.meta.url; object.import('i'); object.require('j'); import(name); new Array(from, 'k');
        export type { regex };
        const array = from ? 'l' : 'm';`,
      imports: [],
    },
    'what follows strings, templates and regexes': {
      source: "const a = '\\''; const b = /[/\"]/g; const c = `${`${{}}`}\\``; import 'x';",
      imports: ['x'],
    },
    'inside a placeholder': { source: "const a = `${await import('x')}`;", imports: ['x'] },
    'a template as the specifier': { source: 'await import(`x`); await import(`${y}`);', imports: ['x'] },
  };
  for (const [title, { source, imports }] of Object.entries(cases)) {
    it(`reads ${title}`, () => expect(importsOf(source)).to.deep.equal(imports));
  }
});
