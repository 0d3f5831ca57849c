// A handler made by hand, with a hook that nobody would ever call.

export default { handle: () => undefined, onShardStarted: () => undefined };
