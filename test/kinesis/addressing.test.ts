import { expect } from 'chai';
import { ShardpoolError } from '../../src/model/errors.ts';
import { parseStreamArn, resolveAddress } from '../../src/kinesis/addressing.ts';

const ARN = 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders';

function refused(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(ShardpoolError);
    expect(error).to.include({ code: 'ERR_INVALID_OPTION', retryable: false });
    return (error as Error).message;
  }
  throw new Error('Was accepted');
}

describe('kinesis/addressing', () => {
  const accepted: [string, Parameters<typeof resolveAddress>[0], ReturnType<typeof resolveAddress>][] = [
    [
      'a name, with everything left to the environment',
      { stream: 'a_B-9.x', region: null, endpoint: null },
      { name: 'a_B-9.x', arn: null, region: null, endpoint: null },
    ],
    [
      'a name of 128 characters',
      { stream: 'x'.repeat(128), region: 'us-gov-west-1', endpoint: 'http://localhost:4567' },
      { name: 'x'.repeat(128), arn: null, region: 'us-gov-west-1', endpoint: 'http://localhost:4567' },
    ],
    [
      'an ARN, which gives the region',
      { stream: ARN, region: null, endpoint: null },
      { name: 'orders', arn: ARN, region: 'eu-west-1', endpoint: null },
    ],
    [
      'an ARN with the same region beside it',
      { stream: ARN, region: 'eu-west-1', endpoint: 'https://vpce-1.kinesis.eu-west-1.vpce.amazonaws.com' },
      {
        name: 'orders',
        arn: ARN,
        region: 'eu-west-1',
        endpoint: 'https://vpce-1.kinesis.eu-west-1.vpce.amazonaws.com',
      },
    ],
  ];
  for (const [title, address, resolved] of accepted) {
    it(`accepts ${title}`, () => expect(resolveAddress(address)).to.deep.equal(resolved));
  }

  for (const partition of ['aws', 'aws-cn', 'aws-us-gov']) {
    it(`takes an ARN of the partition ${partition} apart`, () => {
      expect(parseStreamArn(`arn:${partition}:kinesis:cn-north-1:000000000000:stream/a.b`)).to.deep.equal({
        partition,
        region: 'cn-north-1',
        account: '000000000000',
        name: 'a.b',
      });
    });
  }

  const rejected: [string, Partial<Parameters<typeof resolveAddress>[0]>, RegExp][] = [
    ['an empty name', { stream: '' }, /name or the ARN of a stream, got ''/],
    ['no name', { stream: undefined as unknown as string }, /got undefined/],
    ['a name of 129 characters', { stream: 'x'.repeat(129) }, /1 to 128 of the characters/],
    ['a name with a slash', { stream: 'a/b' }, /got 'a\/b'/],
    ['an unknown partition', { stream: ARN.replace('aws', 'gcp') }, /partition 'gcp'/],
    ['another service', { stream: ARN.replace('kinesis', 'sqs') }, /service 'sqs'/],
    ['an ARN without a region', { stream: ARN.replace('eu-west-1', '') }, /region ''/],
    [
      'an account of 11 digits',
      { stream: ARN.replace('123456789012', '12345678901') },
      /account '12345678901'/,
    ],
    ['an ARN of a consumer', { stream: `${ARN}/consumer/c:1` }, /registered consumer/],
    ['an ARN of something else', { stream: ARN.replace('stream/', 'table/') }, /resource 'table\/orders'/],
    ['an ARN with a bad name', { stream: `${ARN}!` }, /stream name 'orders!'/],
    ['half an ARN', { stream: 'arn:aws:kinesis' }, /got 'arn:aws:kinesis'/],
    [
      'a region other than the one of the ARN',
      { stream: ARN, region: 'us-east-1' },
      /'eu-west-1', got 'us-east-1'/,
    ],
    ['a region that is none', { region: 'EU West' }, /`region`.*got 'EU West'/],
    ['an empty region', { region: '' }, /`region`.*got ''/],
    ['an endpoint without a scheme', { endpoint: 'localhost:4567' }, /`endpoint`.*got 'localhost:4567'/],
    ['an endpoint that is no URL', { endpoint: 'nowhere' }, /`endpoint`/],
  ];
  for (const [title, address, message] of rejected) {
    it(`refuses ${title}`, () => {
      const given = { stream: 'orders', region: null, endpoint: null, ...address };
      expect(refused(() => resolveAddress(given))).to.match(message);
    });
  }
});
