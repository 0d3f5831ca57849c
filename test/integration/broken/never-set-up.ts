// A handler whose setup never ends.

import { defineHandler } from '../../../src/index.ts';

export default defineHandler(() => undefined, { setup: () => new Promise(() => undefined) });
