// Which fetch thread and which receiver a shard goes to. Pure: the coordinator keeps the table.

export interface Placed {
  readonly host: number;
  readonly receiver: number;
}

/** The least loaded of the candidates; the lowest number among equals, so that equal tables give equal plans. */
export function leastLoaded(
  candidates: readonly number[],
  loads: ReadonlyMap<number, number>,
): number | null {
  let best: number | null = null;
  let bestLoad = Infinity;
  for (const candidate of candidates) {
    const load = loads.get(candidate) ?? 0;
    if (load < bestLoad || (load === bestLoad && best !== null && candidate < best)) {
      best = candidate;
      bestLoad = load;
    }
  }
  return best;
}

/** Null while no thread is ready. */
export function place(
  placed: Iterable<Placed>,
  hosts: readonly number[],
  receivers: readonly number[],
): Placed | null {
  const hostLoads = new Map<number, number>();
  const receiverLoads = new Map<number, number>();
  for (const { host, receiver } of placed) {
    hostLoads.set(host, (hostLoads.get(host) ?? 0) + 1);
    receiverLoads.set(receiver, (receiverLoads.get(receiver) ?? 0) + 1);
  }
  const host = leastLoaded(hosts, hostLoads);
  const receiver = leastLoaded(receivers, receiverLoads);
  return host === null || receiver === null ? null : { host, receiver };
}

/**
 * Which shards have to leave the thread that they are on, until no two of the candidates differ by more than one: as few as
 * possible, and none from a thread that is no candidate.
 */
export function surplus<Shard>(
  placed: Iterable<readonly [shard: Shard, thread: number]>,
  candidates: readonly number[],
): Shard[] {
  const byThread = new Map(candidates.map((candidate) => [candidate, [] as Shard[]]));
  for (const [shard, thread] of placed) byThread.get(thread)?.push(shard);
  const shards = [...byThread.values()];
  const total = shards.reduce((sum, each) => sum + each.length, 0);
  const least = Math.floor(total / Math.max(1, shards.length));
  let larger = total - least * shards.length;
  const leaving: Shard[] = [];
  // Those that have most keep the odd ones.
  for (const each of shards.sort((a, b) => b.length - a.length)) {
    const keeps = larger > 0 && each.length > least ? least + 1 : least;
    if (keeps > least) larger -= 1;
    leaving.push(...each.slice(keeps));
  }
  return leaving;
}
