// Opens the lease store that a checkpointer option names: a built-in one, or the user's own by module URL.

import { ShardpoolError } from '../model/errors.ts';
import type { LeaseStore, LeaseStoreScope } from '../model/lease-store.ts';
import {
  type CheckpointerName,
  type CheckpointerSpec,
  type ModuleSpec,
  type NamedSpec,
  type SpecOptions,
} from '../model/specs.ts';
import { systemTimers } from '../platform/timers.ts';
import { checkpointerOptions } from './checkpointer-options.ts';
import { boundedLeaseStore } from './bounded-lease-store.ts';
import { createMemoryLeaseStore, type MemoryRows } from './memory-lease-store.ts';

/** What a user's module exports, as `default` or as `createLeaseStore`. */
export type CreateLeaseStore = (
  options: SpecOptions,
  scope: LeaseStoreScope,
) => LeaseStore | Promise<LeaseStore>;

/** A table rather than a list, so that a method added to the port cannot be forgotten here. */
const METHODS: Readonly<Record<Exclude<keyof LeaseStore, 'isAlone' | 'isLocal' | 'watch'>, true>> = {
  open: true,
  close: true,
  readTick: true,
  readAll: true,
  readSession: true,
  readShard: true,
  createApp: true,
  createSession: true,
  beat: true,
  end: true,
  evict: true,
  deleteSession: true,
  createShard: true,
  replaceShard: true,
  take: true,
  mark: true,
  checkpoint: true,
  release: true,
  finish: true,
  deleteShard: true,
};

/** Far longer than a store takes that is well, and shorter than a lease by default. */
const CALL_LIMIT_MS = 5_000;

/**
 * Returns the store with `open()` already called. Throws ERR_INVALID_OPTION where the spec names nothing usable, and
 * ERR_LEASE_STORE where a store was made but lacks methods, cannot be made or does not open.
 */
export async function openLeaseStore(
  spec: CheckpointerSpec,
  scope: LeaseStoreScope,
  memory?: MemoryRows,
): Promise<LeaseStore> {
  const store =
    'module' in spec
      ? boundedLeaseStore(await createFromModule(spec, scope), CALL_LIMIT_MS, systemTimers)
      : await createBuiltIn(spec, scope, memory);
  try {
    await store.open();
  } catch (cause) {
    if (cause instanceof ShardpoolError) throw cause;
    throw new ShardpoolError('ERR_LEASE_STORE', `The lease store did not open: ${messageOf(cause)}`, {
      cause,
    });
  }
  return store;
}

/** The code of a store, and of the client that it stands on, is loaded by whoever uses it. */
async function createBuiltIn(
  { name, options }: NamedSpec<CheckpointerName>,
  scope: LeaseStoreScope,
  memory?: MemoryRows,
): Promise<LeaseStore> {
  const checked = checkpointerOptions(name, options);
  switch (checked.name) {
    case 'memory':
      return createMemoryLeaseStore(memory);
    case 'local': {
      const { createLocalLeaseStore } = await import('./local/local-lease-store.ts');
      return createLocalLeaseStore(checked.options, scope);
    }
    case 'redis': {
      const { createRedisLeaseStore } = await import('./redis/redis-lease-store.ts');
      return createRedisLeaseStore(checked.options, scope);
    }
    case 'dynamodb': {
      const { createDynamodbLeaseStore } = await import('./dynamodb/dynamodb-lease-store.ts');
      return createDynamodbLeaseStore(checked.options, scope);
    }
    default:
      return checked satisfies never;
  }
}

async function createFromModule(spec: ModuleSpec, scope: LeaseStoreScope): Promise<LeaseStore> {
  let exported: { default?: unknown; createLeaseStore?: unknown };
  try {
    exported = (await import(spec.module)) as typeof exported;
  } catch (cause) {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `The checkpointer module ${spec.module} cannot be imported: ${messageOf(cause)}`,
      { cause },
    );
  }
  const create = exported.createLeaseStore ?? exported.default;
  if (typeof create !== 'function') {
    throw new ShardpoolError(
      'ERR_INVALID_OPTION',
      `The checkpointer module ${spec.module} exports no function as \`default\` or \`createLeaseStore\``,
    );
  }
  let store: unknown;
  try {
    store = await (create as CreateLeaseStore)(spec.options, scope);
  } catch (cause) {
    if (cause instanceof ShardpoolError) throw cause;
    throw new ShardpoolError(
      'ERR_LEASE_STORE',
      `The checkpointer module ${spec.module} made no lease store: ${messageOf(cause)}`,
      { cause },
    );
  }
  const missing = missingMethods(store);
  if (missing.length > 0) {
    throw new ShardpoolError(
      'ERR_LEASE_STORE',
      `The lease store of ${spec.module} lacks the methods ${missing.join(', ')}`,
    );
  }
  return store as LeaseStore;
}

function missingMethods(store: unknown): string[] {
  const methods = Object.keys(METHODS);
  if (typeof store !== 'object' || store === null) return methods;
  return methods.filter((method) => typeof (store as Record<string, unknown>)[method] !== 'function');
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
