// Entry of a fetch thread: piscina imports it and calls the default export with the task.

import { runFetchThread } from '../src/consumer/fetch-thread.ts';

export default runFetchThread;
