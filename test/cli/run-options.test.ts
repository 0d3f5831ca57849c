// The options of `run` are those of a consumer, all of them, under the same names.

import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { flagOf, inFlags, RUN_OPTIONS, toConsumerOptions } from '../../src/cli/run-options.ts';
import { CONSUMER_OPTIONS, resolveConsumerOptions } from '../../src/options.ts';
import { PACKAGE } from './cli-process.ts';

describe('cli: the options of run', () => {
  it('are all that a consumer has, but for those that are no text', () => {
    const names = new Set(RUN_OPTIONS.map(({ path }) => path.split('.')[0]));
    const noText = ['credentials', 'logger', 'signal'];
    expect([...names, ...noText]).to.have.members([...CONSUMER_OPTIONS]);
  });

  it('have the names of the consumer in kebab-case', () => {
    expect(flagOf('handlerThreads')).to.equal('--handler-threads');
    expect(flagOf('batch.maxWaitMs')).to.equal('--batch-max-wait-ms');
  });

  it('are listed in docs/cli.md, each in one row and no others', () => {
    const text = readFileSync(new URL('docs/cli.md', PACKAGE), 'utf8');
    const section = /## `shardpool run`([^]*?)\n## /.exec(text)?.[1] ?? '';
    const rows = [...section.matchAll(/^\| `(--[a-z-]+) /gm)].map((match) => match[1]);
    expect(rows).to.have.members([...RUN_OPTIONS.map(({ path }) => flagOf(path)), '--log-level']);
  });

  it('become the options of a consumer', () => {
    const options = toConsumerOptions({
      stream: 's',
      threads: 'auto',
      maxShards: 'Infinity',
      readsPerSecond: '2.5',
      start: '2026-01-31T12:00:00Z',
      batchMaxRecords: '10',
      batchMaxWaitMs: '5',
      onFailureMinDelayMs: '7',
      createStream: 'on-demand',
    });
    expect(options).to.deep.equal({
      stream: 's',
      handlerThreads: 1,
      threads: 'auto',
      maxShards: Infinity,
      readsPerSecond: 2.5,
      start: new Date('2026-01-31T12:00:00Z'),
      batch: { maxRecords: 10, maxWaitMs: 5 },
      onFailure: { minDelayMs: 7 },
      createStream: { mode: 'on-demand' },
    });
    expect(resolveConsumerOptions(options).batch.maxRecords).to.equal(10);
  });

  it('take the path of a module as processor', () => {
    const path = new URL('package.json', PACKAGE);
    const options = toConsumerOptions({ stream: 's', processor: path.pathname });
    expect(options.processor).to.deep.equal({ module: path.href });
    expect(toConsumerOptions({ stream: 's', processor: 'string' }).processor).to.equal('string');
  });

  it('are called by their flags in errors', () => {
    expect(inFlags('Expected `batch.maxRecords` and `other`')).to.equal(
      'Expected `--batch-max-records` and `other`',
    );
  });
});
