// Scripted faults: which calls are hit, how, and how often.

import type { AwsErrorType } from './aws-error.ts';
import type { OperationName, Target } from './operations/index.ts';
import type { WireFault } from './wire-faults.ts';

/** What {@link FaultScript.add} takes, checked already; the public form with its defaults is `Fault`. */
export interface FaultRule {
  /** Null: every operation. */
  readonly operation: OperationName | null;
  /** Null: every stream, and calls without one. */
  readonly stream: string | null;
  /** Null: every shard, and calls without one. */
  readonly shardId: string | null;
  /** How many calls that match pass before it hits one. */
  readonly after: number;
  /** How many calls it hits before it is used up. */
  readonly times: number;
  /** The chance that it hits a call (or, with `partial`, an entry) it matches. */
  readonly probability: number;
  readonly delayMs: number;
  /** Null: the call only waits. */
  readonly error: AwsErrorType | null;
  /** Fails entries of a PutRecords call instead of the call. */
  readonly partial: boolean;
  /** What happens to the answer on its way; null for nothing. */
  readonly wire: WireFault | null;
  /** False for calls that take no effect and get no answer of their own: what `wire` does comes first. */
  readonly carriedOut: boolean;
}

/** What the script wants of one call. */
export interface FaultVerdict {
  readonly delayMs: number;
  readonly error: AwsErrorType | null;
  readonly failEntry: ((shardId: string) => AwsErrorType | null) | null;
  readonly wire: WireFault | null;
  readonly carriedOut: boolean;
}

interface Entry {
  readonly rule: FaultRule;
  /** How many calls still pass. */
  toPass: number;
  left: number;
}

const NO_FAULT: FaultVerdict = { delayMs: 0, error: null, failEntry: null, wire: null, carriedOut: true };

export class FaultScript {
  readonly #random: () => number;
  #rules: Entry[] = [];

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  add(rule: FaultRule): void {
    this.#rules.push({ rule, toPass: rule.after, left: rule.times });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The first rule that hits decides; the others stay as they are. */
  judge(operation: OperationName, target: Target): FaultVerdict {
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (rule.operation !== null && rule.operation !== operation) continue;
      if (rule.stream !== null && rule.stream !== target.stream) continue;
      if (rule.shardId !== null && rule.shardId !== target.shardId && !rule.partial) continue;
      if (entry.toPass > 0) {
        entry.toPass -= 1;
        continue;
      }
      const { delayMs, error, wire, carriedOut } = rule;
      if (rule.partial) return { ...NO_FAULT, delayMs, failEntry: this.#entryJudge(entry) };
      if (!this.#happens(rule)) continue;
      this.#use(entry);
      return { delayMs, error, failEntry: null, wire, carriedOut };
    }
    return NO_FAULT;
  }

  /** A partial fault is used up by a call in which it failed at least one entry. */
  #entryJudge(entry: Entry): (shardId: string) => AwsErrorType | null {
    const { rule } = entry;
    let used = false;
    return (shardId) => {
      if (rule.shardId !== null && rule.shardId !== shardId) return null;
      if (!this.#happens(rule)) return null;
      if (!used) this.#use(entry);
      used = true;
      return rule.error;
    };
  }

  #happens(rule: FaultRule): boolean {
    return rule.probability >= 1 || this.#random() < rule.probability;
  }

  #use(entry: Entry): void {
    entry.left -= 1;
    if (entry.left <= 0) this.#rules = this.#rules.filter((other) => other !== entry);
  }
}

/** The errors that AWS gives for single entries of PutRecords. */
export const ENTRY_ERRORS: readonly AwsErrorType[] = [
  'ProvisionedThroughputExceededException',
  'InternalFailure',
];
