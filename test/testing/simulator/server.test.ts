import { expect } from 'chai';
import { MovableClock } from '../../../src/testing/simulator/clock.ts';
import { FrontDoor } from '../../../src/testing/simulator/front-door.ts';
import { resultReply } from '../../../src/testing/simulator/reply.ts';
import { HttpServer } from '../../../src/testing/simulator/server.ts';

const HEADERS = {
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': 'Kinesis_20131202.ListStreams',
  authorization: 'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/kinesis/aws4_request',
};

describe('simulator/server', () => {
  let server: HttpServer;

  async function start(clock: MovableClock, call: () => string | readonly Buffer[]): Promise<Response> {
    const service = { call: () => resultReply(call()), turnedAway: () => undefined };
    server = new HttpServer(new FrontDoor(service, []), clock, async () => undefined);
    const port = await server.listen(0);
    return fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers: HEADERS, body: '{}' });
  }

  afterEach(() => server.close());

  it('tells the time of its own clock, also after that was moved', async () => {
    const clock = new MovableClock(() => Date.UTC(2030, 0, 1));
    clock.advance(86_400_000);
    const response = await start(clock, () => '{}');
    expect(response.headers.get('date')).to.equal('Wed, 02 Jan 2030 00:00:00 GMT');
    expect(response.headers.get('x-amzn-requestid')).to.match(/^[0-9a-f-]{36}$/);
  });

  it('sends a reply of several chunks as one body', async () => {
    const response = await start(new MovableClock(), () =>
      ['{"a":', '"é"', '}'].map((text) => Buffer.from(text)),
    );
    expect(await response.json()).to.deep.equal({ a: 'é' });
  });

  it('does not pass a bug of the simulator for a fault of AWS', async () => {
    const response = await start(new MovableClock(), () => {
      throw new TypeError('oops');
    });
    expect(response.status).to.equal(500);
    expect(await response.json())
      .to.have.property('message')
      .that.includes('Bug in the simulator: TypeError: oops');
  });
});
