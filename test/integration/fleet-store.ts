// The stores of these tests: those of the fleets, on servers that are new and that nobody restarts.

import { type ChaosStore, type ChaosStoreName, startChaosStore } from '../chaos/stores.ts';

export { CHAOS_STORES as FLEET_STORES, type ChaosStoreName as FleetStoreName } from '../chaos/stores.ts';

export type FleetStore = Pick<ChaosStore, 'specOf' | 'lineOf' | 'look'> & AsyncDisposable;

export async function startFleetStore(
  name: ChaosStoreName,
  instances: readonly string[],
): Promise<FleetStore> {
  const store = await startChaosStore(name, instances);
  // A Redis that has just started may have forgotten everything, and rests for a lease; this one is known to be new.
  const more = name === 'redis' ? { trustEmpty: true } : {};
  return {
    specOf(instance) {
      const { name: itsName, options } = store.specOf(instance);
      return { name: itsName, options: { ...options, ...more } };
    },
    lineOf: (instance) => store.lineOf(instance),
    look: (scope) => store.look(scope),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
