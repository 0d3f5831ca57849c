// Where a stream is: the user's name or ARN, region and endpoint, checked and put in the form that the calls need.

import { ShardpoolError } from '../model/errors.ts';
import type { StreamAddress } from './api.ts';

export interface ResolvedAddress {
  readonly name: string;
  /** Null when the stream was given by name. */
  readonly arn: string | null;
  /** Null: the AWS environment and profile decide. */
  readonly region: string | null;
  /** Null: the AWS environment decides, else the region's own endpoint. */
  readonly endpoint: string | null;
}

export interface StreamArn {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly name: string;
}

const PARTITIONS: readonly string[] = [
  'aws',
  'aws-cn',
  'aws-us-gov',
  'aws-eusc',
  'aws-iso',
  'aws-iso-b',
  'aws-iso-e',
  'aws-iso-f',
];

/** The rule of AWS for stream names. */
const NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const REGION = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const ACCOUNT = /^\d{12}$/;

/** Throws ERR_INVALID_OPTION for what cannot be an address. */
export function resolveAddress(address: StreamAddress): ResolvedAddress {
  const { stream, region, endpoint } = address;
  if (typeof stream !== 'string' || stream === '') {
    throw invalid(`Expected \`stream\` to be the name or the ARN of a stream, got ${show(stream)}`);
  }
  if (region !== null && !(typeof region === 'string' && REGION.test(region))) {
    throw invalid(
      `Expected \`region\` to be the name of an AWS region such as 'eu-west-1', got ${show(region)}`,
    );
  }
  if (endpoint !== null) checkEndpoint(endpoint);
  if (!stream.startsWith('arn:')) {
    if (!NAME.test(stream)) {
      throw invalid(
        `Expected the name of a stream to have 1 to 128 of the characters a-z, A-Z, 0-9, _, . and -, got ${show(stream)}`,
      );
    }
    return { name: stream, arn: null, region, endpoint };
  }
  const arn = parseStreamArn(stream);
  // An endpoint of one region answers for its own streams only, so this would end in a puzzling ResourceNotFound.
  if (region !== null && region !== arn.region) {
    throw invalid(`Expected \`region\` to be that of the stream's ARN, '${arn.region}', got '${region}'`);
  }
  return { name: arn.name, arn: stream, region: arn.region, endpoint };
}

/** Takes `arn:aws:kinesis:<region>:<account>:stream/<name>` apart; throws ERR_INVALID_OPTION for anything else. */
export function parseStreamArn(text: string): StreamArn {
  const wrong = (what: string) =>
    invalid(
      `Expected \`stream\` to be an ARN like arn:aws:kinesis:eu-west-1:123456789012:stream/name, ${what}`,
    );
  const parts = text.split(':');
  const [prefix, partition = '', service = '', region = '', account = ''] = parts;
  const resource = parts.slice(5).join(':');
  if (prefix !== 'arn' || parts.length < 6) throw wrong(`got ${show(text)}`);
  if (!PARTITIONS.includes(partition)) throw wrong(`got the partition ${show(partition)}`);
  if (service !== 'kinesis') throw wrong(`got the service ${show(service)}`);
  if (!REGION.test(region)) throw wrong(`got the region ${show(region)}`);
  if (!ACCOUNT.test(account)) throw wrong(`got the account ${show(account)}`);
  if (/^stream\/[^/]+\/consumer\//.test(resource)) throw wrong('got the ARN of a registered consumer');
  if (!resource.startsWith('stream/')) throw wrong(`got the resource ${show(resource)}`);
  const name = resource.slice('stream/'.length);
  if (!NAME.test(name)) throw wrong(`got the stream name ${show(name)}`);
  return { partition, region, account, name };
}

function checkEndpoint(endpoint: string): void {
  let url: URL | null = null;
  try {
    url = new URL(endpoint);
  } catch {
    // Reported below, together with what parses but is no web address: `localhost:4567` is a URL of scheme `localhost:`.
  }
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid(`Expected \`endpoint\` to be a URL like http://localhost:4567, got ${show(endpoint)}`);
  }
}

function invalid(message: string): ShardpoolError {
  return new ShardpoolError('ERR_INVALID_OPTION', message);
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
