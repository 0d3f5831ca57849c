// The commands of the docs exist: scripts of package.json, commands of shardpool and their flags, files they name.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { markedBlocks } from './markers.ts';
import { COMPILED, readPages, ROOT } from './pages.ts';

interface Line {
  readonly where: string;
  readonly page: string;
  readonly text: string;
}

const SHELLS: readonly string[] = ['sh', 'bash', 'shell', 'console'];
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};
const pages = readPages();

/** One command each, without comments. */
const lines: Line[] = pages.flatMap(({ path, markdown }) =>
  markdown.blocks
    .filter(({ language }) => SHELLS.includes(language))
    .flatMap(({ text, line }) =>
      text
        .split('\n')
        .flatMap((row, at) =>
          row
            .replace(/(^|\s)#.*$/, '')
            .split('&&')
            .map((command) => ({ where: `${path}:${line + at}`, page: path, text: command.trim() })),
        )
        .filter(({ text: command }) => command !== ''),
    ),
);

async function help(...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    `${COMPILED}src/cli/main.js`,
    ...command,
    '--help',
  ]);
  return stdout;
}

/** `  --feed <n>   records` and `  run [options] <module>   read` */
const flagsIn = (text: string) => new Set(text.match(/(?<=^\s+(?:-\w, )?)--[\w-]+/gm));
const commandsIn = (text: string) =>
  new Set(
    (text.split(/^Commands:$/m)[1] ?? '').match(/(?<=^ {2})[a-z][\w-]*/gm)?.filter((name) => name !== 'help'),
  );

describe('the commands of the docs', function () {
  this.timeout(20_000);
  const helps = new Map<string, Promise<string>>();
  const helpOf = (command: string) => {
    const text = helps.get(command) ?? help(...(command === '' ? [] : [command]));
    helps.set(command, text);
    return text;
  };

  const expectShardpool = async ([command = '', ...args]: readonly string[], page: string) => {
    if (command.startsWith('-')) {
      expect(flagsIn(await helpOf(''))).to.include(command);
      return;
    }
    expect([...commandsIn(await helpOf(''))]).to.include(command);
    const flags = flagsIn(await helpOf(command));
    for (const arg of args) {
      if (arg.startsWith('--')) expect([...flags], arg).to.include(arg.split('=')[0]);
      else if (/\.m?js$/.test(arg)) expectFile(arg, page);
    }
  };

  /** Of the project, or one that the page shows. */
  const expectFile = (file: string, page: string) => {
    const shown = markedBlocks(pages.find(({ path }) => path === page)!).map(({ marker }) => marker.name);
    expect(shown.includes(file) || existsSync(`${ROOT}${file}`), `${file} exists`).to.equal(true);
  };

  for (const { where, page, text } of lines) {
    it(`exist: ${where}: ${text}`, async () => {
      const words = text.split(/\s+/);
      const [program, first = '', ...rest] = words;
      if (/^[A-Z_]+=/.test(program!) || program === 'export' || program === 'git' || program === 'cd') return;
      if (program === 'npx' && first === 'shardpool') return expectShardpool(rest, page);
      if (program === 'shardpool') return expectShardpool([first, ...rest], page);
      if (program === 'npx') return expect(existsSync(`${ROOT}node_modules/.bin/${first}`)).to.equal(true);
      if (program === 'node') return expectFile(first, page);
      expect(program).to.equal('npm');
      if (first === 'run')
        expect(Object.keys(scripts)).to.include(rest.find((word) => !word.startsWith('-')));
      else if (first === 'install' && rest.length > 0) expect(rest).to.deep.equal(['shardpool']);
      else expect(first).to.be.oneOf(['ci', 'install', 'test', 't']);
    });
  }

  it('exist where a sentence has them', () => {
    for (const { path, markdown } of pages) {
      for (const span of markdown.spans) {
        const script = /^npm run (?:-\w+ )*([\w:]+)/.exec(span)?.[1];
        if (script !== undefined) expect(Object.keys(scripts), path).to.include(script);
      }
    }
  });

  it('of shardpool exist where a sentence has them', async () => {
    const commands = commandsIn(await helpOf(''));
    for (const { path, markdown } of pages) {
      for (const span of markdown.spans) {
        const command = /^(?:npx )?shardpool ([a-z]+)/.exec(span)?.[1];
        if (command !== undefined) expect([...commands], path).to.include(command);
      }
    }
  });

  it('of package.json are in CONTRIBUTING.md', () => {
    const contributing = pages.find(({ path }) => path === 'CONTRIBUTING.md')!;
    const said = contributing.markdown.spans.flatMap(
      (span) => /^npm (?:run )?([\w:]+)/.exec(span)?.[1] ?? [],
    );
    expect([...new Set(said)].sort()).to.deep.equal(
      Object.keys(scripts)
        .filter((name) => name !== 'prepare')
        .sort(),
    );
  });
});
