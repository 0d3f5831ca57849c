// Operations on the tags of a stream, by its name and by its ARN.

import { type Account, ARN, requiredStreamName } from '../account.ts';
import { AwsError } from '../aws-error.ts';
import { Fields } from '../fields.ts';
import { nameInArn } from '../stream-name.ts';
import type { Stream } from '../stream.ts';
import type { Call } from './call.ts';

const MAX_TAGS = 50;
const KEY = { min: 1, max: 128 } as const;
const VALUE = { min: 0, max: 256 } as const;
const LEGAL = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export function addTagsToStream({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const tags = readTags(fields);
  fields.check();
  return addTags(account, account.activeStream(name), tags);
}

export function tagResource({ account, body }: Call): string {
  const fields = new Fields(body);
  const arn = fields.text('ResourceARN', { ...ARN, required: true });
  const tags = readTags(fields);
  fields.check();
  return addTags(account, account.activeStream(nameInArn(arn)), tags);
}

export function removeTagsFromStream({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const keys = fields.list('TagKeys', { min: 1, max: MAX_TAGS });
  fields.check();
  return removeTags(account.activeStream(name), keys);
}

export function untagResource({ account, body }: Call): string {
  const fields = new Fields(body);
  const arn = fields.text('ResourceARN', { ...ARN, required: true });
  const keys = fields.list('TagKeys', { min: 1, max: MAX_TAGS });
  fields.check();
  return removeTags(account.activeStream(nameInArn(arn)), keys);
}

export function listTagsForStream({ account, body }: Call): string {
  const fields = new Fields(body);
  const name = requiredStreamName(fields);
  const after = fields.text('ExclusiveStartTagKey', KEY);
  const limit = fields.integer('Limit', { min: 1, max: MAX_TAGS }) ?? MAX_TAGS;
  fields.check();
  const rest = sorted(account.stream(name)).filter(({ Key }) => after === null || Key > after);
  return JSON.stringify({ Tags: rest.slice(0, limit), HasMoreTags: rest.length > limit });
}

export function listTagsForResource({ account, body }: Call): string {
  const fields = new Fields(body);
  const arn = fields.text('ResourceARN', { ...ARN, required: true });
  fields.check();
  return JSON.stringify({ Tags: sorted(account.stream(nameInArn(arn))) });
}

/** Reads the field `Tags`; an empty list where it is absent and `required` is false. */
export function readTags(fields: Fields, required = true): [key: string, value: string][] {
  const tags = fields.map('Tags', { required, min: required ? 1 : 0, max: MAX_TAGS }, KEY, VALUE);
  const illegal = tags.flat().find((text) => !LEGAL.test(text));
  if (illegal === undefined) return tags;
  throw new AwsError(
    'InvalidArgumentException',
    `Some tags contain invalid characters: ${illegal}. Valid characters: Unicode letters, digits, white space, _ . : / = + - @.`,
  );
}

function addTags(account: Account, stream: Stream, tags: readonly [key: string, value: string][]): string {
  const all = new Set([...stream.tags.keys(), ...tags.map(([key]) => key)]);
  if (all.size > MAX_TAGS) {
    throw new AwsError(
      'InvalidArgumentException',
      `Failed to add tags to stream ${stream.config.name} under account ${account.config.accountId} because a given stream cannot have more than ${MAX_TAGS} tags associated with it.`,
    );
  }
  for (const [key, value] of tags) stream.tags.set(key, value);
  return '';
}

/** A tag that is not there is ignored, as AWS says it is. */
function removeTags(stream: Stream, keys: readonly unknown[]): string {
  for (const key of keys) stream.tags.delete(String(key));
  return '';
}

function sorted(stream: Stream): { Key: string; Value: string }[] {
  return [...stream.tags].map(([Key, Value]) => ({ Key, Value })).sort((a, b) => (a.Key < b.Key ? -1 : 1));
}
