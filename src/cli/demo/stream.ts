// The stream of the demo.

export const STREAM = 'blocks';
/** Before the split and the merge. */
export const SHARDS = 2;
