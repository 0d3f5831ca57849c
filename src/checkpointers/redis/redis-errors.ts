// What an error of the client library says about a call: whether it may have been applied, and whether it may work later.

import { LeaseStoreError } from '../../model/lease-store.ts';
import { foreignRow } from './redis-rows.ts';

/** States of a server that pass: it refused to run the script at all. */
const PASSING = [
  'LOADING',
  'BUSY',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'NOREPLICAS',
  'OOM',
  'MISCONF',
] as const;

/** How the client library says that it never sent a command. */
const NEVER_SENT = [/enableOfflineQueue options is false/, /^Cluster is ended/];

/** A script says so of a key that is not ours. */
const FOREIGN = /^FOREIGN (\S+) (.*)$/s;

/** What came of a call that failed. A server that answers with an error has changed nothing, as the scripts are written. */
export function callError(where: string, error: unknown): LeaseStoreError {
  if (error instanceof LeaseStoreError) return error;
  const cause = withoutArguments(error);
  const message = messageOf(error);
  const foreign = FOREIGN.exec(message);
  if (foreign !== null) return foreignRow(foreign[1] ?? '', `it ${foreign[2] ?? ''}`);
  const isReply = error instanceof Error && error.name === 'ReplyError';
  const isPassing = PASSING.some((word) => new RegExp(`\\b${word}\\b`).test(message));
  const isRefused = isReply || (message.startsWith('Too many Cluster redirections') && isPassing);
  if (isRefused) {
    return new LeaseStoreError('not-applied', `${where} refused a call: ${message}`, {
      cause,
      retryable: isPassing,
    });
  }
  const outcome = NEVER_SENT.some((pattern) => pattern.test(message)) ? 'not-applied' : 'unknown';
  return new LeaseStoreError(outcome, `The connection to ${where} failed during a call: ${message}`, {
    cause,
    retryable: true,
  });
}

export function isNoScript(error: unknown): boolean {
  return messageOf(error).includes('NOSCRIPT');
}

/** This server was a master and is none any more. */
export function isReadOnly(error: Error): boolean {
  return /\bREADONLY\b/.test(error.message);
}

/** Says that there is no connection, and not why. */
export function isVague(error: unknown): boolean {
  const vague = /Connection is closed\.$|^Failed to refresh slots cache\.$|^All sentinels are unreachable/;
  return vague.test(messageOf(error));
}

/** One sentence. Errors of several addresses of one host have no message of their own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each) => messageOf(each)).join('; ');
  }
  if (!(error instanceof Error)) return String(error);
  const last = (error as { lastNodeError?: unknown }).lastNodeError;
  if (last instanceof Error && last !== error) return `${error.message} ${messageOf(last)}`;
  const { code } = error as { code?: unknown };
  if (error.message !== '') return error.message;
  return typeof code === 'string' ? code : error.name;
}

/** The client library hangs the command on its errors: the password of an AUTH too. */
export function withoutArguments(error: unknown): unknown {
  if (error instanceof Error && 'command' in error) {
    const { command } = error as { command?: { name?: unknown } };
    Object.assign(error, { command: { name: command?.name } });
  }
  return error;
}
