// What AWS accepts as the name of a stream, and where the name is in an ARN.

export const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
export const STREAM_NAME_WORDS = 'a stream name (1 to 128 letters, digits, `_`, `.` or `-`)';

export function nameInArn(arn: string): string {
  return arn.slice(arn.indexOf('/') + 1);
}
