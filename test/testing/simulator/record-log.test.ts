import { expect } from 'chai';
import { RecordLog } from '../../../src/testing/simulator/record-log.ts';

function logOf(...records: [fragment: string, arrivalMs: number, bytes: number][]): RecordLog {
  const log = new RecordLog();
  for (const record of records) log.append(...record);
  return log;
}

describe('simulator/record-log', () => {
  it('reads up to the record limit and says where to go on', () => {
    const log = logOf(['a', 1, 1], ['b', 2, 1], ['c', 3, 1]);
    expect(log.read(0, 2, 100)).to.deep.equal({ json: 'a,b', count: 2, bytes: 2, next: 2 });
    expect(log.read(2, 2, 100)).to.deep.equal({ json: 'c', count: 1, bytes: 1, next: 3 });
    expect(log.read(3, 2, 100)).to.deep.equal({ json: '', count: 0, bytes: 0, next: 3 });
  });

  it('stops before the byte limit but never before the first record', () => {
    const log = logOf(['a', 1, 60], ['b', 2, 60], ['c', 3, 200]);
    expect(log.read(0, 10, 100).json).to.equal('a');
    expect(log.read(2, 10, 100).json).to.equal('c');
  });

  it('finds the first record at or after a time', () => {
    const log = logOf(['a', 10, 1], ['b', 20, 1], ['c', 20, 1], ['d', 30, 1]);
    expect([5, 10, 11, 20, 21, 31].map((time) => log.positionAt(time))).to.deep.equal([0, 0, 1, 1, 3, 4]);
  });

  it('keeps positions when it trims, and reads a trimmed position from the oldest record', () => {
    const log = logOf(['a', 10, 1], ['b', 20, 1], ['c', 30, 1]);
    log.trimBefore(20);
    expect([log.begin, log.end]).to.deep.equal([1, 3]);
    expect(log.read(0, 1, 100)).to.deep.equal({ json: 'b', count: 1, bytes: 1, next: 2 });
    expect(log.arrivalAt(2)).to.equal(30);
    expect(log.arrivalAt(0)).to.equal(null);
  });
});
