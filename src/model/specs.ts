// Adapters as options name them: a built-in by name or a module of the user's own. Plain data, because they are made in
// other threads than the one that names them.

export type SpecOptions = Readonly<Record<string, unknown>>;

export interface ModuleSpec {
  /** URL. */
  readonly module: string;
  readonly options: SpecOptions;
}

export interface NamedSpec<Name extends string> {
  readonly name: Name;
  readonly options: SpecOptions;
}

export const PROCESSORS = [
  'json',
  'json-lines',
  'json-list',
  'string',
  'bytes',
  'msgpack',
  'kpl-json',
  'kpl-string',
  'kpl-msgpack',
  'auto',
] as const;
export type ProcessorName = (typeof PROCESSORS)[number];
export type ProcessorSpec = NamedSpec<ProcessorName> | ModuleSpec;

export const CHECKPOINTERS = ['memory', 'local', 'redis', 'dynamodb'] as const;
export type CheckpointerName = (typeof CHECKPOINTERS)[number];
export type CheckpointerSpec = NamedSpec<CheckpointerName> | ModuleSpec;
