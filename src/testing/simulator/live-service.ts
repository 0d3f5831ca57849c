// The service of a running account: script, rates, operation, count, in this order.

import type { Account } from './account.ts';
import { AwsError, type AwsErrorType } from './aws-error.ts';
import type { CallCounter, CallOutcome } from './call-counts.ts';
import type { FaultScript, FaultVerdict } from './faults.ts';
import type { RequestBody } from './fields.ts';
import type { Service } from './front-door.ts';
import {
  isOperationName,
  OPERATIONS,
  type OperationName,
  type Target,
  targetOf,
} from './operations/index.ts';
import { errorReply, type Reply, resultReply } from './reply.ts';
import { breaksAnswer } from './wire-faults.ts';

const NO_TARGET: Target = { stream: null, shardId: null };
/** Of a call that is not carried out; its fault says what the client gets instead. */
const NO_ANSWER = resultReply('');

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

  call(operation: string, body: RequestBody): Reply | Promise<Reply> {
    if (!isOperationName(operation)) {
      this.#counter.count(operation, NO_TARGET, { type: 'refused', error: 'UnknownOperationException' });
      throw new AwsError('UnknownOperationException', `The simulator does not serve ${operation}.`);
    }
    const target = targetOf(operation, body, this.#account);
    const verdict = this.#faults.judge(operation, target);
    const run = () => this.#answer(operation, target, body, verdict);
    return verdict.delayMs > 0 ? this.#sleep(verdict.delayMs).then(run) : run();
  }

  turnedAway(operation: string, error: AwsErrorType): void {
    this.#counter.count(operation, NO_TARGET, { type: 'refused', error });
  }

  #answer(operation: OperationName, target: Target, body: RequestBody, verdict: FaultVerdict): Reply {
    const { wire } = verdict;
    let outcome: CallOutcome = { type: 'served' };
    let reply = NO_ANSWER;
    try {
      if (verdict.carriedOut) reply = resultReply(this.#carryOut(operation, target, body, verdict));
    } catch (error) {
      outcome = { type: 'refused', error: error instanceof AwsError ? error.type : 'InternalFailure' };
      reply = errorReply(error);
    }
    if (wire !== null && breaksAnswer(wire)) outcome = { type: 'broken' };
    this.#counter.count(operation, target, outcome);
    return wire === null ? reply : { ...reply, fault: wire };
  }

  #carryOut(operation: OperationName, target: Target, body: RequestBody, verdict: FaultVerdict): string {
    if (verdict.error !== null) throw new AwsError(verdict.error);
    this.#account.limits?.admitCall(operation, target);
    return OPERATIONS[operation]({
      account: this.#account,
      body,
      failEntry: verdict.failEntry,
      asAws: false,
    });
  }
}
