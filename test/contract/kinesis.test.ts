// Holds the simulator to the contract, and shows that the contract is not made up: a third-party emulator keeps it too,
// but for the differences in the table of docs/simulator.md.

import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { expect } from 'chai';
import { startSimulator } from '../../src/testing/index.ts';
import { startKinesisLocal } from '../fakes/kinesis-local.ts';
import { sdkClient, type Server } from '../testing/sdk-client.ts';
import { asJson, readDifferences } from './kinesis-differences.ts';
import { KINESIS_CONTRACT } from './kinesis.ts';
import { RESHARD_CONTRACT } from './kinesis-reshard.ts';
import { SETTINGS_CONTRACT } from './kinesis-settings.ts';
import { KinesisSession } from './kinesis-session.ts';

const CASES = [...KINESIS_CONTRACT, ...RESHARD_CONTRACT, ...SETTINGS_CONTRACT];
const DIFFERENCES = readDifferences();

function contract(
  name: string,
  start: () => Promise<Server & { stop(): Promise<void> }>,
  differences: ReadonlyMap<string, unknown>,
): void {
  describe(`contract of Kinesis: ${name}`, () => {
    let stop: () => Promise<void>;
    let client: KinesisClient;

    before(async () => {
      const server = await start();
      stop = () => server.stop();
      client = sdkClient(server);
    });

    after(async () => {
      client?.destroy();
      await stop?.();
    });

    for (const { title, expected, observe } of CASES) {
      const differs = differences.has(title);
      it(differs ? `differs: ${title}` : title, async () => {
        const observed = await observe(new KinesisSession(client));
        if (differs) expect(asJson(observed)).to.deep.equal(differences.get(title));
        else expect(observed).to.deep.equal(expected);
      });
    }
  });
}

contract('simulator', () => startSimulator({ limits: false }), new Map());
contract(
  'kinesis-local',
  startKinesisLocal,
  new Map(DIFFERENCES.map(({ title, kinesisLocal }) => [title, kinesisLocal])),
);

describe('contract of Kinesis: the table of differences', () => {
  it('names each case once', () => {
    const titles = DIFFERENCES.map(({ title }) => title);
    expect(new Set(titles).size).to.equal(titles.length);
    expect(CASES.map(({ title }) => title)).to.include.members(titles);
  });

  for (const { title, document, simulator, kinesisLocal } of DIFFERENCES) {
    it(`is right about the simulator, and has a document: ${title}`, () => {
      expect(simulator).to.deep.equal(asJson(CASES.find((one) => one.title === title)?.expected));
      expect(kinesisLocal).to.not.deep.equal(simulator);
      expect(document).to.match(/^(API Reference|Developer Guide), \S/);
    });
  }
});
