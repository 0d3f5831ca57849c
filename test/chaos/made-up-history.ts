// Histories by hand for the tests of the audit: a stream, what handlers got of it, and what was stored.

import { type Position, SHARD_END, sequencePosition, TRIM_HORIZON } from '../../src/model/position.ts';
import type { FleetRow } from '../support/fleet-log.ts';
import type { Disturbance, HandledCall, History, StoredWrite, WrittenRecord } from './history.ts';

interface CallParts {
  readonly by: string;
  readonly token: number;
  readonly records: readonly number[];
  readonly begin: number;
  /** Default: 10 ms later. */
  readonly end?: number | null;
  readonly shard?: string;
}

interface WriteParts {
  readonly by: string;
  readonly token: number;
  readonly at: number;
  readonly shard?: string;
  readonly applied?: boolean | null;
}

/** Record i of a shard has the sequence number 100 + i; keys are the shard's. */
export class MadeUpHistory {
  readonly #lineage: { shardId: string; parents: readonly string[] }[] = [];
  readonly #written: WrittenRecord[] = [];
  readonly #calls: HandledCall[] = [];
  readonly #writes: StoredWrite[] = [];
  readonly #disturbances: Disturbance[] = [];
  readonly #keys = new Map<string, string>();

  /** With so many records, of one key from `from` on. */
  shard(shardId: string, count: number, parents: readonly string[] = [], key = shardId, from = 0): this {
    this.#lineage.push({ shardId, parents });
    this.#keys.set(shardId, `${key} ${from}`);
    for (let i = 0; i < count; i += 1) {
      this.#written.push({
        shardId,
        sequenceNumber: String(100 + i),
        subSequenceNumber: 0,
        key,
        n: from + i,
      });
    }
    return this;
  }

  /** A session that beats at that time. */
  beat(by: string, at: number, until = at + 1): this {
    return this.#write('beat', by, at, { session: `${by}#s`, beat: at }, true, null, until);
  }

  /** `upTo` is the last record that was done; -1 for none. */
  take({ by, token, at, shard = 's0', applied = true, upTo }: WriteParts & { upTo: number }): this {
    const position = at0(upTo);
    const argument = { shardId: shard, me: `${by}#s`, token, seenOwner: null };
    const row = { shardId: shard, owner: `${by}#s`, token, position };
    return this.#write('take', by, at, argument, applied, applied === true ? row : null);
  }

  readBack({ by, token, at, shard = 's0', upTo }: WriteParts & { upTo: number }): this {
    const row = { shardId: shard, owner: `${by}#s`, token, position: at0(upTo) };
    return this.#write('readShard', by, at, shard, null, row);
  }

  store(
    method: 'checkpoint' | 'release' | 'finish',
    { by, token, at, shard = 's0', applied = true, upTo }: WriteParts & { upTo: number },
  ): this {
    const position = method === 'finish' ? SHARD_END : at0(upTo);
    return this.#write(method, by, at, { shardId: shard, me: `${by}#s`, token, position }, applied, null);
  }

  call({ by, token, records, begin, end = begin + 10, shard = 's0' }: CallParts): this {
    const [key, from] = this.#keys.get(shard)!.split(' ') as [string, string];
    const rows = records.map((i): FleetRow => [String(100 + i), 0, key, Number(from) + i]);
    this.#calls.push({ process: by, shardId: shard, token, begin, end, rows });
    return this;
  }

  disturbed(who: string | null, from: number, to: number, what = 'SIGSTOP'): this {
    this.#disturbances.push({ who, from, to, what });
    return this;
  }

  get history(): History {
    return {
      leaseMs: 2_000,
      marginMs: 300,
      checkpointMs: 500,
      lineage: this.#lineage,
      written: this.#written,
      calls: this.#calls.toSorted((a, b) => a.begin - b.begin),
      writes: this.#writes.toSorted((a, b) => a.at - b.at),
      disturbances: this.#disturbances,
    };
  }

  #write(
    method: StoredWrite['method'],
    process: string,
    at: number,
    argument: unknown,
    applied: boolean | null,
    row: unknown,
    until = at + 1,
  ): this {
    this.#writes.push({ type: 'store', process, method, at, until, argument, applied, row, error: null });
    return this;
  }
}

const at0 = (record: number): Position =>
  record < 0 ? TRIM_HORIZON : sequencePosition(String(100 + record), 0);
