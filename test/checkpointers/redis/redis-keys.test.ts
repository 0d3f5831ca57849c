// Keys of the redis adapter: no two scopes share one, and all of an application have one hash tag.

import { expect } from 'chai';
import { redisKeys } from '../../../src/checkpointers/redis/redis-keys.ts';

/** What a cluster hashes: between the first brace and the next closing one. */
const tagOf = (key: string) => /^[^{]*\{([^}]+)\}/.exec(key)?.[1];

describe('redis keys', () => {
  it('are readable', () => {
    expect(redisKeys('shardpool', { application: 'billing', stream: 'orders' })).to.deep.equal({
      app: 'shardpool:{billing}:orders:app',
      sessions: 'shardpool:{billing}:orders:sessions',
      shards: 'shardpool:{billing}:orders:shards',
      channel: 'shardpool:{billing}:orders:changes',
    });
  });

  it('of different scopes are different, and those of one application have one tag', () => {
    const parts = [
      'a',
      'a:b',
      'b',
      '{a}',
      'a}',
      '{',
      '}',
      'a}:b',
      ':',
      '%',
      '%003A',
      'a b',
      'a\nb',
      'é',
      'A',
      '::',
    ];
    const seen = new Set<string>();
    for (const application of parts) {
      const tags = new Set<string | undefined>();
      for (const stream of parts) {
        const keys = Object.values(redisKeys('p:q', { application, stream }));
        for (const key of keys) {
          expect(seen.has(key), key).to.equal(false);
          seen.add(key);
          tags.add(tagOf(key));
        }
      }
      expect(tags.size).to.equal(1);
      expect([...tags][0]).to.be.a('string');
    }
  });
});
