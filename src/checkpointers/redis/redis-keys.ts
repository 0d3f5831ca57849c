// The keys of one application and stream. All keys of an application carry its name as hash tag, so that in a cluster
// they lie in one slot and one script can reach them.

import type { LeaseStoreScope } from '../../model/lease-store.ts';

export interface RedisKeys {
  readonly app: string;
  readonly sessions: string;
  readonly shards: string;
  /** Where changes of `rev` are told. */
  readonly channel: string;
}

export function redisKeys(keyPrefix: string, { application, stream }: LeaseStoreScope): RedisKeys {
  const base = `${keyPrefix}:{${escaped(application)}}:${escaped(stream)}`;
  return {
    app: `${base}:app`,
    sessions: `${base}:sessions`,
    shards: `${base}:shards`,
    channel: `${base}:changes`,
  };
}

/** Braces and colons end a part, so within one they are written otherwise: two scopes never have the same key. */
function escaped(part: string): string {
  return part.replaceAll(
    /[%{}:\s]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}
