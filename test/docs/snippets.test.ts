// Every js and ts block of the docs is run or checked by the compiler, in the way that the comment before it says.

import { expect } from 'chai';
import PQueue from 'p-queue';
import { type Simulator, startSimulator } from '../../src/testing/index.ts';
import { GIVEN } from './given.ts';
import { markedBlocks, type Marker } from './markers.ts';
import { type CodeBlock, parseMarkdown } from './markdown.ts';
import { type Page, readPages } from './pages.ts';
import { createStreams, STREAMS } from './streams.ts';
import { type Outcome, openWorkshop, type Workshop } from './workshop.ts';

interface Snippet {
  readonly title: string;
  readonly page: string;
  readonly block: CodeBlock;
  readonly marker: Marker;
  /** Exactly what it prints, where the page shows it. */
  readonly output: string | null;
}

/** Throws for a block without a marker, and for an output that belongs to no block. */
function snippetsOf(page: Page): Snippet[] {
  const snippets: Snippet[] = [];
  for (const { block, marker } of markedBlocks(page)) {
    const title = `${page.path}:${block.line}`;
    const before = snippets.at(-1);
    if (marker.mode === 'output') {
      if (before === undefined || before.output !== null) throw new Error(`${title}: an output of nothing`);
      snippets[snippets.length - 1] = { ...before, output: block.text };
    } else snippets.push({ title, page: page.path, block, marker, output: null });
  }
  return snippets;
}

const DRIVER = `
import { Consumer } from 'shardpool';
const [, , module, stream] = process.argv;
const consumer = new Consumer({ stream, handlerThreads: 1 });
process.once('SIGTERM', () => consumer.stop());
await consumer.run(new URL(module, import.meta.url));
`;

const pages = readPages();

describe('the code blocks of the docs', function () {
  this.timeout(40_000);
  const workshops = new Map<string, Workshop>();
  let simulator: Simulator;
  let diagnostics: Map<string, string[]>;
  /** Most of them wait most of the time: they run side by side, ahead of the tests that ask for them. */
  const outcomes = new Map<Snippet, Promise<Outcome>>();
  let types: Workshop;
  const snippets = pages.flatMap((page) => {
    try {
      return snippetsOf(page);
    } catch (error) {
      // A failed test of this page, not the end of all tests.
      it(`${page.path} says how its blocks are tested`, () => {
        throw error;
      });
      return [];
    }
  });

  before(async () => {
    types = openWorkshop();
    simulator = await startSimulator({ limits: false });
    await createStreams(simulator);
    for (const snippet of snippets) {
      if (snippet.marker.mode === 'types') types.write(typesFile(snippet), typesText(snippet));
      else if (snippet.marker.name !== null)
        workshopOf(snippet.page).write(snippet.marker.name, snippet.block.text);
    }
    const queue = new PQueue({ concurrency: 3 });
    for (const snippet of snippets) {
      if (snippet.marker.mode !== 'run' && snippet.marker.mode !== 'handler') continue;
      const outcome = queue.add(() => execute(snippet));
      // Its test looks at it.
      outcome.catch(() => undefined);
      outcomes.set(snippet, outcome);
    }
    diagnostics = await types.typeCheck();
  });
  after(async () => {
    await Promise.allSettled(outcomes.values());
    for (const workshop of [types, ...workshops.values()]) workshop.remove();
    await simulator.stop();
  });

  /** One folder for a page: its blocks import each other. */
  const workshopOf = (page: string): Workshop => {
    const open = workshops.get(page) ?? openWorkshop();
    workshops.set(page, open);
    return open;
  };

  const environment = (stream: string | null): Record<string, string> => {
    if (stream === null) return {};
    if (STREAMS[stream] === undefined) throw new Error(`There is no stream ${stream} for snippets`);
    const { endpoint, region, credentials } = simulator;
    return {
      AWS_ENDPOINT_URL_KINESIS: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
  };

  const execute = async ({ page, block, marker, output }: Snippet): Promise<Outcome> => {
    const { mode, name, until, prints, stream } = marker;
    const workshop = workshopOf(page);
    const env = environment(stream);
    if (mode === 'handler') {
      const expected = output === null ? prints : [`${output}\n`];
      const isEnough = (stdout: string) => expected.every((text) => stdout.includes(text));
      const driver = workshop.write('driver-of-the-test.mjs', DRIVER);
      return workshop.run([driver, `./${name}`, stream ?? ''], { env, isEnough });
    }
    const file = workshop.write(`block-${block.line}.mjs`, block.text);
    if (until === null) return workshop.run([file], { env });
    return workshop.run([file], { env, isEnough: (stdout) => stdout.includes(until) });
  };

  for (const snippet of snippets) {
    const { title, page, block, marker, output } = snippet;
    const { mode, name, prints, given } = marker;
    if (mode === 'types') {
      it(`${title} fits the types`, () => {
        expect(block.language).to.equal('ts');
        expect(given.filter((each) => GIVEN[each] === undefined)).to.deep.equal([], 'nothing declares these');
        expect(diagnostics.get(typesFile(snippet)) ?? []).to.deep.equal([]);
      });
    } else if (mode === 'file') {
      it(`${title} is imported by a block that runs`, () => {
        const users = snippets.filter((each) => each.page === page && each.marker.mode === 'run');
        expect(users.some((each) => each.block.text.includes(`./${name}`))).to.equal(true);
      });
    } else {
      it(`${title} runs`, async () => {
        expect(block.language).to.equal('js');
        expect(output !== null || prints.length > 0, 'what it prints is checked').to.equal(true);
        const { code, signal, stdout, stderr } = await outcomes.get(snippet)!;
        expect(stderr).to.equal('');
        if (output !== null) expect(stdout).to.equal(`${output}\n`);
        for (const text of prints) expect(stdout).to.include(text);
        expect({ code, signal }).to.deep.equal({ code: 0, signal: null });
      });
    }
  }

  it('are many', () => {
    const count = (mode: Marker['mode']) => snippets.filter(({ marker }) => marker.mode === mode).length;
    expect(count('run')).to.be.above(4);
    expect(count('handler')).to.be.above(2);
    expect(count('types')).to.be.above(6);
  });

  it('need a comment each', () => {
    expect(() => snippetsOf(pageOf('```js\n1;\n```'))).to.throw('page.md:2: no comment says how');
    expect(() => snippetsOf(pageOf('<!-- test: runs -->\n```js\n1;\n```'))).to.throw('"runs" says no way');
    expect(() => snippetsOf(pageOf('<!-- test: output -->\n```text\n1\n```'))).to.throw(
      'an output of nothing',
    );
    expect(snippetsOf(pageOf('```text\n1\n```'))).to.deep.equal([]);
  });
});

function pageOf(source: string): Page {
  return { path: 'page.md', source, markdown: parseMarkdown(source) };
}

function typesFile({ page, block }: Snippet): string {
  return `${page.replaceAll('/', '-')}-${block.line}.ts`;
}

/** The declarations come last, so that the compiler's lines are those of the block. */
function typesText({ block, marker }: Snippet): string {
  return [block.text, ...marker.given.map((name) => GIVEN[name] ?? ''), 'export {};'].join('\n');
}
