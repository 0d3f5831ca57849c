// What the demo found, as lines of text, and whether it is as it should be. Pure.

import { megabytes, seconds, thousands } from '../numbers.ts';
import type { Survey } from './blocks.ts';
import type { DirectWalk } from './direct-walk.ts';
import type { JobResult } from './job.ts';
import type { Share } from './tally.ts';

export interface Report {
  readonly lines: readonly string[];
  /** Null when all is well. */
  readonly failure: string | null;
}

const MOST_FILES_LISTED = 5;

export function reportOn(result: JobResult, walk: DirectWalk, walkMs: number, { skipped }: Survey): Report {
  const { tally, changes, elapsedMs, writer } = result;
  const { records, bytes } = tally.handled;
  const perSecond = 1000 / Math.max(elapsedMs, 1);
  const digest = tally.digest(new Set(walk.changed.keys()));
  const equal = digest === walk.digest && walk.blocks > 0;
  const unread = [...tally.problems].filter(([path]) => !walk.changed.has(path));

  const lines = [
    ...shares('shard', tally.shards),
    '',
    ...shares('handler thread', tally.threads),
    '',
    ...changes.map((change) => row('reshard', change)),
    row('records', `${thousands(tally.sent)} sent, ${thousands(records)} handled`),
    row('bytes', `${thousands(bytes)} (${megabytes(bytes)} MB) read and hashed`),
    row(
      'put requests',
      `${thousands(writer.requests)}, ${thousands(writer.throttled)} throttled records sent again`,
    ),
    row('elapsed', seconds(elapsedMs)),
    row('rate', `${thousands(records * perSecond)} records/s, ${megabytes(bytes * perSecond)} MB/s`),
    row('missing', thousands(tally.missing)),
    row('duplicates', thousands(tally.duplicates)),
    row('order violations', thousands(tally.orderViolations)),
    ...(tally.unknown > 0 ? [row('never sent', thousands(tally.unknown))] : []),
    ...files('not sent', skipped),
    ...files('changed meanwhile', [...walk.changed].map(withReason)),
    ...files('not readable', unread.map(withReason)),
    row('digest by stream', digest),
    row(
      'digest by walk',
      `${walk.digest} (${equal ? 'equal' : 'NOT EQUAL'}; ${thousands(walk.blocks)} blocks in ${seconds(walkMs)})`,
    ),
  ];
  const failures = [
    tally.missing > 0 ? `${tally.missing} records are missing` : null,
    tally.duplicates > 0 ? `${tally.duplicates} records came twice` : null,
    tally.orderViolations > 0 ? `${tally.orderViolations} records came out of order` : null,
    tally.unknown > 0 ? `${tally.unknown} records came that were never sent` : null,
    equal ? null : 'the digests are not equal',
  ].filter((failure) => failure !== null);
  return { lines, failure: failures.length === 0 ? null : failures.join(', ') };
}

const LABEL_WIDTH = 18;

function row(label: string, value: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${value}`;
}

function shares(title: string, of: ReadonlyMap<string | number, Share>): string[] {
  const rows = [...of].sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(title.length, ...rows.map(([name]) => String(name).length)) + 2;
  return [
    `${title.padEnd(width)}${'records'.padStart(10)}${'MB'.padStart(10)}`,
    ...rows.map(
      ([name, { records, bytes }]) =>
        `${String(name).padEnd(width)}${thousands(records).padStart(10)}${megabytes(bytes).padStart(10)}`,
    ),
  ];
}

function files(label: string, names: readonly string[]): string[] {
  const listed = names.slice(0, MOST_FILES_LISTED).map((name) => row('', name));
  const more = names.length - listed.length;
  if (names.length === 0) return [];
  return [
    row(label, `${thousands(names.length)} files or folders`),
    ...listed,
    ...(more > 0 ? [row('', `and ${more} more`)] : []),
  ];
}

const withReason = ([path, reason]: readonly [string, string]) => `${path}: ${reason}`;
