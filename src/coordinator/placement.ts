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
