// The near side of a child process: one argument as JSON, one reply.

export function argument(): unknown {
  const [, , json] = process.argv;
  if (json === undefined) throw new Error('Expected one argument, a JSON document');
  return JSON.parse(json);
}

/** To the parent; to standard output when somebody started the file by hand. */
export function reply(value: unknown): void {
  if (process.send === undefined) console.log(JSON.stringify(value));
  else process.send(value);
}
