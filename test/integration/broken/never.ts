// A module whose import never ends.

await new Promise(() => undefined);
export default () => undefined;
