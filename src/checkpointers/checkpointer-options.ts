// The options of the built-in checkpointers. Apart from the stores, so that a constructor can check them without loading a client.

import { invalid } from '../model/checks.ts';
import { type CheckpointerName, CHECKPOINTERS, type SpecOptions } from '../model/specs.ts';
import { type DynamodbOptions, resolveDynamodbOptions } from './dynamodb/dynamodb-options.ts';
import { type LocalOptions, resolveLocalOptions } from './local/local-options.ts';
import { type RedisOptions, resolveRedisOptions } from './redis/redis-options.ts';

export type CheckedCheckpointer =
  | { readonly name: 'memory' }
  | { readonly name: 'local'; readonly options: LocalOptions }
  | { readonly name: 'redis'; readonly options: RedisOptions }
  | { readonly name: 'dynamodb'; readonly options: DynamodbOptions };

/** Throws ERR_INVALID_OPTION for what the checkpointer does not take. */
export function checkpointerOptions(name: CheckpointerName, options: SpecOptions): CheckedCheckpointer {
  switch (name) {
    case 'memory': {
      const [stray] = Object.keys(options);
      if (stray !== undefined)
        throw invalid(`checkpointer.${stray}`, "nothing: 'memory' has no options", options[stray]);
      return { name };
    }
    case 'local':
      return { name, options: resolveLocalOptions(options) };
    case 'redis':
      return { name, options: resolveRedisOptions(options, process.env) };
    case 'dynamodb':
      return { name, options: resolveDynamodbOptions(options, process.env) };
    default:
      name satisfies never;
      throw invalid('checkpointer', `one of ${CHECKPOINTERS.join(', ')} or a module`, name);
  }
}
