// What an operation gets: the account, the request, and what a script wants of it.

import type { Account } from '../account.ts';
import type { AwsErrorType } from '../aws-error.ts';
import type { RequestBody } from '../fields.ts';

export interface Call {
  readonly account: Account;
  readonly body: RequestBody;
  /** Asked for every entry of PutRecords: the error with which it shall fail, or null. */
  readonly failEntry: ((shardId: string) => AwsErrorType | null) | null;
  /** True for a test that plays AWS: no quota holds, and streams on demand are resharded too, as AWS does by itself. */
  readonly asAws: boolean;
}

/** Carries out a call and returns the body of its reply. */
export type Operation = (call: Call) => string;
