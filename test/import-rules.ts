// Who may import whom: DESIGN.md section 11 as data, and the checker that reads it.

import { posix } from 'node:path';
import { importsOf } from './import-lexer.ts';

const STAGES = ['coordinator', 'fetching', 'delivery', 'sending', 'checkpointers', 'observe'] as const;
/** What every stage stands on. Stages never import each other: a root passes one stage's function to another. */
const GROUND = ['model', 'platform', 'codec', 'protocol.ts', 'kinesis'] as const;
const BELOW_ROOTS = [...GROUND, ...STAGES, 'options.ts', 'handler.ts'] as const;
const ALL_OF_SRC = [...BELOW_ROOTS, 'consumer', 'producer', 'testing', 'cli', 'index.ts'] as const;

/**
 * Part of the source -> the parts it may import, besides itself; type imports count too. A part is a folder of src, a
 * file of src, or `workers`. What has no row may not exist.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  platform: ['model'],
  codec: ['model', 'platform'],
  'protocol.ts': ['model'],
  kinesis: ['model', 'platform'],

  coordinator: GROUND,
  fetching: GROUND,
  delivery: GROUND,
  sending: GROUND,
  checkpointers: GROUND,
  observe: GROUND,

  'options.ts': ['model', 'codec', 'platform', 'protocol.ts', 'handler.ts', 'checkpointers'],
  'handler.ts': ['model', 'codec', 'platform', 'protocol.ts'],
  consumer: BELOW_ROOTS,
  producer: BELOW_ROOTS,

  // The kit does not know what it tests: users of other libraries can use it too.
  testing: ['model', 'platform'],
  cli: ALL_OF_SRC,
  'index.ts': ALL_OF_SRC,
  // An entry starts the thread's side of a root, or the simulator.
  workers: [...BELOW_ROOTS, 'consumer', 'testing'],
};

/** The only places that touch `node:worker_threads`. */
export const MAY_IMPORT_WORKER_THREADS: readonly RegExp[] = [
  /^workers\/[^/]+\.ts$/,
  /^src\/coordinator\/pool\.ts$/,
  /^src\/consumer\.ts$/,
  /^src\/consumer\//,
  /^src\/testing\/simulator\//,
];

/** Parts that import nothing from outside either, neither packages nor Node. */
export const IMPORTS_NOTHING: readonly string[] = ['model'];

/** A thread entry only wires: it has fewer lines than this. */
export const MAX_WORKER_LINES = 40;

const PACKAGE = 'shardpool';

/** `src/consumer.ts` and `src/consumer/` are one part, and so are all workers. */
function partOf(path: string): string {
  const [root, second = ''] = path.split('/');
  if (root !== 'src') return root ?? '';
  return second === 'consumer.ts' || second === 'producer.ts' ? second.slice(0, -'.ts'.length) : second;
}

/** Each violation as one sentence. `sources` maps paths like `src/model/shard.ts` to their text. */
export function violationsOf(sources: ReadonlyMap<string, string>): string[] {
  const violations: string[] = [];
  const graph = new Map<string, string[]>();

  for (const [path, source] of sources) {
    const part = partOf(path);
    const allowed = MAY_IMPORT[part];
    const edges: string[] = [];
    graph.set(path, edges);
    if (allowed === undefined) {
      violations.push(`${path}: there is no rule for ${part}`);
      continue;
    }
    if (part === 'workers' && source.trimEnd().split('\n').length >= MAX_WORKER_LINES) {
      violations.push(`${path}: a worker entry has fewer than ${MAX_WORKER_LINES} lines`);
    }
    for (const specifier of importsOf(source)) {
      if (!specifier.startsWith('.')) {
        const problem = problemOutside(path, part, specifier);
        if (problem !== null) violations.push(`${path}: ${problem}`);
        continue;
      }
      const target = posix.join(posix.dirname(path), specifier);
      edges.push(target);
      const targetPart = partOf(target);
      if (!/^(src|workers)\//.test(target))
        violations.push(`${path}: imports ${target}, outside of the source`);
      else if (target === 'src/index.ts' && part !== 'cli') violations.push(`${path}: imports src/index.ts`);
      else if (targetPart !== part && !allowed.includes(targetPart)) {
        violations.push(`${path}: ${part} may not import ${targetPart} (${target})`);
      }
    }
  }
  for (const cycle of cyclesIn(graph)) violations.push(`import cycle: ${cycle.join(' -> ')}`);
  return violations;
}

function problemOutside(path: string, part: string, specifier: string): string | null {
  if (specifier === PACKAGE || specifier.startsWith(`${PACKAGE}/`)) {
    return `imports ${specifier}, its own package, by name`;
  }
  if (IMPORTS_NOTHING.includes(part)) return `${part} imports nothing, but for ${specifier} here`;
  const isThreads = specifier === 'node:worker_threads' || specifier === 'worker_threads';
  if (isThreads && !MAY_IMPORT_WORKER_THREADS.some((allowed) => allowed.test(path))) {
    return `may not import ${specifier}`;
  }
  return null;
}

/** One cycle for each edge that closes one, in a depth-first walk. */
function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      cycles.push([...trail.slice(seenAt), path]);
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return cycles;
}
