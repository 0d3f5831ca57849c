// The paced handler as a module, for handler threads.

import { pacedHandler } from './paced-handler.ts';

export default pacedHandler();
