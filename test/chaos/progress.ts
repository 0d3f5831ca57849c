// How far a fleet has come, while it runs.

import type { Fleet, Member } from '../support/fleet.ts';
import type { FleetLine } from '../support/fleet-log.ts';
import type { WrittenRecord } from './history.ts';

export class Progress {
  readonly #fleet: Fleet;
  readonly #written: readonly WrittenRecord[];
  readonly #done = new Set<string>();
  readonly #readers = new Map<Member, { next: number; readonly open: Map<string, readonly string[]> }>();

  constructor(fleet: Fleet, written: readonly WrittenRecord[]) {
    this.#fleet = fleet;
    this.#written = written;
  }

  /** Reads on in the logs of all. */
  read(): void {
    for (const member of this.#fleet.members) {
      const reader = this.#readers.get(member) ?? { next: 0, open: new Map() };
      this.#readers.set(member, reader);
      const { lines } = member;
      for (; reader.next < lines.length; reader.next += 1) this.#take(lines[reader.next]!, reader.open);
    }
  }

  get isComplete(): boolean {
    return this.#written.length > 0 && this.#done.size >= this.#written.length;
  }

  get text(): string {
    const { members } = this.#fleet;
    return `${this.#done.size} of ${this.#written.length} records done, ${this.#fleet.alive().length} of ${members.length} processes alive`;
  }

  #take(line: FleetLine, open: Map<string, readonly string[]>): void {
    if (line.type === 'begin') {
      open.set(
        line.call,
        line.rows.map(([, , key, n]) => `${key}/${n}`),
      );
    } else if (line.type === 'end') {
      for (const id of open.get(line.call) ?? []) this.#done.add(id);
      open.delete(line.call);
    }
  }
}
