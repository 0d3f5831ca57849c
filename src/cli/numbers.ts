// Numbers from the command line, and numbers for people.

import { integer } from '../model/checks.ts';

/** A number where the text is one; else the text itself, for the check that follows to show. */
export function toNumber(text: string): number | string {
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

/** Throws ERR_INVALID_OPTION. */
export function expectInteger(flag: string, text: string, min: number, max: number): number {
  return integer(flag, toNumber(text), min, max);
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Megabytes of 10^6 bytes. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
