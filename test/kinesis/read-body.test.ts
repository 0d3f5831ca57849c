import { Readable } from 'node:stream';
import { expect } from 'chai';
import { KinesisError } from '../../src/kinesis/errors.ts';
import { readBody } from '../../src/kinesis/read-body.ts';

describe('kinesis/read-body', () => {
  const failure = (body: unknown) =>
    readBody(body).then(
      () => null,
      (error: unknown) => error,
    );

  it('joins the chunks of a body, of none too', async () => {
    const read = async (...chunks: string[]) => {
      const body = Readable.from(
        chunks.map((chunk) => Buffer.from(chunk)),
        { objectMode: false },
      );
      return Buffer.from((await readBody(body)).rest).toString();
    };
    expect(await read('a', 'bc')).to.equal('abc');
    expect(await read()).to.equal('');
  });

  it('rejects with the error of the body', async () => {
    const cause = new Error('reset');
    const body = new Readable({ read() {} });
    const outcome = failure(body);
    body.destroy(cause);
    expect(await outcome).to.equal(cause);
  });

  it('takes a body that closes before its end, without an error, for a transient failure', async () => {
    const body = new Readable({ read() {} });
    const outcome = failure(body);
    body.push('half');
    body.destroy();
    expect(await outcome)
      .to.be.instanceOf(KinesisError)
      .and.have.property('kind', 'transient');
  });

  it('rejects what is no stream', async () => {
    expect(await failure('text')).to.be.instanceOf(TypeError);
  });
});
