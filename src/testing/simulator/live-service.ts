// The service of a running account: script, rates, operation, count, in this order.

import type { Account } from './account.ts';
import { AwsError, type AwsErrorType } from './aws-error.ts';
import type { CallCounter } from './call-counts.ts';
import type { FaultScript } from './faults.ts';
import type { RequestBody } from './fields.ts';
import type { Service } from './front-door.ts';
import {
  isOperationName,
  OPERATIONS,
  type OperationName,
  type Target,
  targetOf,
} from './operations/index.ts';

const NO_TARGET: Target = { stream: null, shardId: null };

export class LiveService implements Service {
  readonly #account: Account;
  readonly #faults: FaultScript;
  readonly #counter: CallCounter;
  readonly #sleep: (ms: number) => Promise<void>;

  constructor(
    account: Account,
    faults: FaultScript,
    counter: CallCounter,
    sleep: (ms: number) => Promise<void>,
  ) {
    this.#account = account;
    this.#faults = faults;
    this.#counter = counter;
    this.#sleep = sleep;
  }

  call(operation: string, body: RequestBody): string | Promise<string> {
    if (!isOperationName(operation)) {
      this.#counter.count(operation, NO_TARGET, 'UnknownOperationException');
      throw new AwsError('UnknownOperationException', `The simulator does not serve ${operation}.`);
    }
    const target = targetOf(operation, body, this.#account);
    const verdict = this.#faults.judge(operation, target);
    const run = () =>
      this.#counted(operation, target, () => {
        if (verdict.error !== null) throw new AwsError(verdict.error);
        this.#account.limits?.admitCall(operation, target);
        return OPERATIONS[operation]({ account: this.#account, body, failEntry: verdict.failEntry });
      });
    return verdict.delayMs > 0 ? this.#sleep(verdict.delayMs).then(run) : run();
  }

  turnedAway(operation: string, error: AwsErrorType): void {
    this.#counter.count(operation, NO_TARGET, error);
  }

  #counted(operation: OperationName, target: Target, run: () => string): string {
    try {
      const body = run();
      this.#counter.count(operation, target, null);
      return body;
    } catch (error) {
      this.#counter.count(operation, target, error instanceof AwsError ? error.type : 'InternalFailure');
      throw error;
    }
  }
}
