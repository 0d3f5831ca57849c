// A module whose default export is of no use as handler, processor or checkpointer.

export default 42;
