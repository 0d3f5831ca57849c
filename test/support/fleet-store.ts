// The lease store of a process of a fleet: a built-in one, and a line in the log of the process about each of its writes.

import { openLeaseStore } from '../../src/checkpointers/open-lease-store.ts';
import type { LeaseStore, LeaseStoreScope, WriteResult } from '../../src/model/lease-store.ts';
import type { NamedSpec, CheckpointerName } from '../../src/model/specs.ts';
import { fleetPen, now, STORE_LINES, type StoreLine } from './fleet-log.ts';

export interface FleetStoreOptions {
  readonly spec: NamedSpec<CheckpointerName>;
  readonly file: string;
}

type Call = (argument: unknown) => Promise<unknown>;

export async function createLeaseStore(
  { spec, file }: FleetStoreOptions,
  scope: LeaseStoreScope,
): Promise<LeaseStore> {
  const store = await openLeaseStore(spec, scope);
  const write = fleetPen(file);

  const journaled =
    (method: StoreLine['method']): Call =>
    async (argument) => {
      const at = now();
      const say = (outcome: Pick<StoreLine, 'applied' | 'row' | 'error'>) =>
        write({ type: 'store', at, method, until: now(), argument, ...outcome });
      try {
        const result = await (store[method] as Call)(argument);
        if (method === 'readShard') {
          say({ applied: null, row: result, error: null });
        } else {
          const { applied, row } = result as WriteResult<unknown>;
          say({ applied, row, error: null });
        }
        return result;
      } catch (error) {
        say({ applied: null, row: null, error: String(error) });
        throw error;
      }
    };

  const { watch } = store;
  return {
    ...store,
    isLocal: store.isLocal === true,
    // It is open already.
    open: async () => undefined,
    close: () => store.close(),
    readTick: () => store.readTick(),
    readAll: () => store.readAll(),
    readSession: (session) => store.readSession(session),
    ...(watch === undefined ? {} : { watch: (onChange: () => void) => watch.call(store, onChange) }),
    ...(Object.fromEntries(STORE_LINES.map((method) => [method, journaled(method)])) as Pick<
      LeaseStore,
      StoreLine['method']
    >),
  };
}
