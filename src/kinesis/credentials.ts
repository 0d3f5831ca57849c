// Credentials on the main thread: from the option of the user or from the AWS environment, always with an end.

import { isDate } from 'node:util/types';
import { ShardpoolError } from '../model/errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Credentials, CredentialsSource } from './api.ts';

/** The fields of the AWS SDK's own identities, so that its providers fit as they are. */
export interface CredentialsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** `forceRefresh` is set when AWS refused the credentials of the last call as expired; the AWS SDK's providers heed it. */
export type CredentialsProvider = (options?: { forceRefresh?: boolean }) => Promise<CredentialsIdentity>;

/** Undefined: the default chain of AWS (environment, profile, SSO, web identity, container, instance). */
export type CredentialsOption = CredentialsIdentity | CredentialsProvider | undefined;

/** Given to credentials without an end of their own, so that a rotated secret is noticed within that time. */
const DEFAULT_LIFETIME_MS = 60 * 60_000;

/**
 * Throws ERR_INVALID_OPTION for an option that is neither an object with keys nor a function. The function returned
 * rejects with ERR_CREDENTIALS; `retryable` there tells whether the source failed rather than gave something useless.
 */
export function loadCredentials(option: CredentialsOption, clock: Pick<Clock, 'now'>): CredentialsSource {
  const read = reader(option);
  return async (renew = false) => toCredentials(await read(renew), clock.now());
}

function reader(option: CredentialsOption): (renew: boolean) => Promise<unknown> {
  if (option === undefined) return defaultChain();
  if (typeof option === 'function') {
    return (renew) => asked('The `credentials` function failed', async () => option({ forceRefresh: renew }));
  }
  const problem = problemWith(option);
  if (problem !== null)
    throw new ShardpoolError('ERR_INVALID_OPTION', `Expected \`credentials\` to be ${problem}`);
  // Read at each call: some programs replace the keys inside the object.
  return async () => option;
}

function defaultChain(): (renew: boolean) => Promise<unknown> {
  let chain: Promise<CredentialsProvider> | null = null;
  let hasWorked = false;
  return (renew) =>
    asked(
      'No AWS credentials could be loaded from the environment',
      async () => {
        // Imported only here: a consumer with credentials of its own never loads the chain.
        chain ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) =>
          defaultProvider(),
        );
        const identity = await (await chain)({ forceRefresh: renew });
        hasWorked = true;
        return identity;
      },
      () => hasWorked,
    );
}

async function asked(
  what: string,
  ask: () => Promise<unknown>,
  hasWorked: () => boolean = () => false,
): Promise<unknown> {
  try {
    return await ask();
  } catch (cause) {
    const { name, message } = cause instanceof Error ? cause : { name: '', message: String(cause) };
    // That nothing is configured stays so; any other failure, such as of the metadata service, may pass. The chain says
    // the same of both, but where it has found credentials before, something is configured.
    const isEmpty = name === 'CredentialsProviderError' && /could not load credentials/i.test(message);
    const retryable = !isEmpty || hasWorked();
    throw new ShardpoolError('ERR_CREDENTIALS', `${what}: ${message}`, { cause, retryable });
  }
}

function toCredentials(given: unknown, now: number): Credentials {
  const problem = problemWith(given);
  if (problem !== null) {
    throw new ShardpoolError('ERR_CREDENTIALS', `Expected \`credentials\` to give ${problem}`);
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = given as CredentialsIdentity;
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: sessionToken ?? null,
    expiration: expiration?.getTime() ?? now + DEFAULT_LIFETIME_MS,
  };
}

/** Null, or what was expected; never shows a value, for it may be a secret. */
function problemWith(given: unknown): string | null {
  if (typeof given !== 'object' || given === null) {
    return `an object with keys, got ${given === null ? 'null' : typeof given}`;
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = given as Record<string, unknown>;
  if (typeof accessKeyId !== 'string' || accessKeyId === '') return 'an object with a string `accessKeyId`';
  if (typeof secretAccessKey !== 'string' || secretAccessKey === '')
    return 'an object with a string `secretAccessKey`';
  if (sessionToken !== undefined && sessionToken !== null && typeof sessionToken !== 'string') {
    return 'an object whose `sessionToken`, if any, is a string';
  }
  if (expiration !== undefined && expiration !== null && !isValidDate(expiration)) {
    return 'an object whose `expiration`, if any, is a valid Date';
  }
  return null;
}

function isValidDate(value: unknown): boolean {
  return isDate(value) && !Number.isNaN(value.getTime());
}
