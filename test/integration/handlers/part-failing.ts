// Says of every third record of a batch that it failed, at the first attempt with it, and notes what each call got.

import { type AuditedValue, auditedHandler, type HandlerDesk } from '../../support/audited-handler.ts';
import { defineHandler } from '../../../src/index.ts';

let desk: HandlerDesk;
const { handle: report, ...hooks } = auditedHandler(import.meta.url, { setUp: (its) => void (desk = its) });

export default defineHandler<AuditedValue>((batch, context) => {
  const records = batch.toArray();
  const failed = context.attempt === 1 ? records.filter((_, i) => i % 3 === 2) : [];
  const note = {
    attempt: context.attempt,
    got: records.map(({ id }) => id),
    failed: failed.map(({ id }) => id),
  };
  desk.note(JSON.stringify(note));
  if (failed.length === 0) void report(batch, context);
  return { failed };
}, hooks);
