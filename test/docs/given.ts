// What `types` snippets may take for granted, as declarations.

export const GIVEN: Readonly<Record<string, string>> = {
  Order: 'interface Order { readonly total: number }',
  save: 'declare function save(id: string, order: Order, options: { signal: AbortSignal }): Promise<void>;',
  db: `
    interface Transaction { query(sql: string, parameters: readonly unknown[]): Promise<Record<string, unknown>[]> }
    declare const db: { transaction(work: (tx: Transaction) => Promise<void>): Promise<void> };`,
  vault: `
    interface Keys { id: string; secret: string; session: string; until: Date }
    declare const vault: { awsKeys(options: { fresh: boolean }): Promise<Keys> };`,
  consumer: "declare const consumer: import('shardpool').Consumer;",
  metrics: `
    declare const metrics: Record<'count' | 'gauge', (name: string, values: Record<string, string | number>) => void>;`,
  simulator: "declare const simulator: import('shardpool/testing').Simulator;",
  startSimulator: "import { startSimulator } from 'shardpool/testing';",
};
