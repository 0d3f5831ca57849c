// What a process of a fleet must not do, whatever is done to it: end unasked, or say that something is lost.

import type { ConsumerEvents } from '../../src/consumer/events.ts';
import type { Member } from '../support/fleet.ts';

const MUST_NOT_COME: ReadonlySet<keyof ConsumerEvents> = new Set([
  'error',
  'thread:died',
  'records:lost',
  'records:maybe-lost',
  'record:poison',
  'stream:replaced',
]);

export function oddities({ name, end, dismissed, stderr, lines, isReady }: Member): string[] {
  const found: string[] = [];
  const how = `code ${end?.code ?? 'none'}, signal ${end?.signal ?? 'none'}`;
  if (end !== null && dismissed === null) found.push(`${name} ended by itself (${how}): ${stderr}`);
  // One may be killed while it stops.
  if (end !== null && dismissed === 'stop' && end.code !== 0 && end.signal !== 'SIGKILL') {
    found.push(`${name} did not end in an orderly way (${how}): ${stderr}`);
  }
  for (const line of lines) {
    if (line.type !== 'event' || !MUST_NOT_COME.has(line.name)) continue;
    // A thread that was still starting when the stop came is ended.
    if (line.name === 'thread:died' && dismissed === 'stop' && !isReady) continue;
    found.push(`${name} said ${line.name}: ${JSON.stringify(line.detail)}`);
  }
  return found;
}
