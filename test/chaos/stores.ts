// The stores that a fleet may share, each from its own starter, with a line of its own for each instance where there is one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLeaseStore } from '../../src/checkpointers/open-lease-store.ts';
import type { LeaseStore, LeaseStoreScope } from '../../src/model/lease-store.ts';
import type { CheckpointerName, NamedSpec, SpecOptions } from '../../src/model/specs.ts';
import { startDynoxide } from '../support/dynamodb-server.ts';
import { type FleetProxy, startFleetProxy } from '../support/fleet-proxy.ts';
import { startRedisServer } from '../support/redis-server.ts';

export const CHAOS_STORES = ['local', 'redis', 'dynamodb'] as const;
export type ChaosStoreName = (typeof CHAOS_STORES)[number];

/** What can be done to each of them. */
export const STORE_TRAITS: Readonly<
  Record<ChaosStoreName, { readonly hasLine: boolean; readonly canRestart: boolean }>
> = {
  local: { hasLine: false, canRestart: false },
  redis: { hasLine: true, canRestart: true },
  // Its server for tests holds everything in memory.
  dynamodb: { hasLine: true, canRestart: false },
};

export interface ChaosStore extends AsyncDisposable {
  /** Ends its server as kill -9 does and starts it again after so long, with all that it held; null where that cannot be done. */
  readonly restart: ((afterMs: number) => Promise<void>) | null;
  /** What the consumers of that instance are given. */
  specOf(instance: string): NamedSpec<CheckpointerName>;
  /** Null where there is no line. */
  lineOf(instance: string): FleetProxy | null;
  /** Past all lines. */
  look(scope: LeaseStoreScope): Promise<LeaseStore>;
}

export async function startChaosStore(
  name: ChaosStoreName,
  instances: readonly string[],
): Promise<ChaosStore> {
  switch (name) {
    case 'local': {
      const path = mkdtempSync(join(tmpdir(), 'shardpool-chaos-'));
      const spec = { name, options: { path } };
      return {
        restart: null,
        specOf: () => spec,
        lineOf: () => null,
        look: (scope) => openLeaseStore(spec, scope),
        async [Symbol.asyncDispose]() {
          rmSync(path, { recursive: true, force: true });
        },
      };
    }
    case 'redis': {
      const server = await startRedisServer({ isDurable: true });
      const at = (host: string, port: number) => ({ host, port });
      return withLines(
        name,
        instances,
        server.host,
        server.port,
        at,
        () => server.stop(),
        async (afterMs) => {
          await server.kill();
          await sleep(afterMs);
          await server.restart();
        },
      );
    }
    case 'dynamodb': {
      const server = await startDynoxide();
      const { hostname, port } = new URL(server.endpoint);
      const { region, credentials } = server;
      const at = (host: string, port: number) => ({
        endpoint: `http://${host}:${port}`,
        region,
        credentials,
      });
      return withLines(name, instances, hostname, Number(port), at, () => server.stop());
    }
    default:
      return name satisfies never;
  }
}

async function withLines(
  name: CheckpointerName,
  instances: readonly string[],
  host: string,
  port: number,
  optionsAt: (host: string, port: number) => SpecOptions,
  stop: () => Promise<unknown>,
  restart: ChaosStore['restart'] = null,
): Promise<ChaosStore> {
  const lines = new Map<string, FleetProxy>();
  for (const instance of instances) lines.set(instance, await startFleetProxy(host, port));
  const line = (instance: string) => {
    const found = lines.get(instance);
    if (found === undefined) throw new Error(`There is no line for ${instance}`);
    return found;
  };
  return {
    restart,
    specOf: (instance) => ({ name, options: optionsAt(line(instance).host, line(instance).port) }),
    lineOf: line,
    look: (scope) => openLeaseStore({ name, options: optionsAt(host, port) }, scope),
    async [Symbol.asyncDispose]() {
      for (const each of lines.values()) await each[Symbol.asyncDispose]();
      await stop();
    },
  };
}
