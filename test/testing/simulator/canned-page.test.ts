import { createRequire } from 'node:module';
import { expect } from 'chai';
import { kplAggregate } from '../../../src/testing/simulator/canned-page.ts';

interface UserRecord {
  readonly partitionKey: string;
  readonly data: string;
}
type Deaggregate = (
  record: { data: string; partitionKey: string; sequenceNumber: string },
  computeChecksums: boolean,
  done: (error: Error | undefined, records: UserRecord[]) => void,
) => void;

describe('simulator/canned-page', () => {
  it('makes KPL aggregates that an independent reader takes apart', () => {
    const { deaggregateSync } = createRequire(import.meta.url)('aws-kinesis-agg') as {
      deaggregateSync: Deaggregate;
    };
    const document = Buffer.from(JSON.stringify({ pad: 'x'.repeat(300) }));
    const data = kplAggregate(document, 5).toString('base64');
    let records: UserRecord[] = [];
    deaggregateSync({ data, partitionKey: 'a', sequenceNumber: '1' }, true, (error, found) => {
      if (error !== undefined) throw error;
      records = found;
    });
    expect(records.map((record) => record.partitionKey)).to.deep.equal(Array(5).fill('key'));
    expect(Buffer.from(records[4]?.data ?? '', 'base64').toString()).to.equal(document.toString());
  });
});
