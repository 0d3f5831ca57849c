// A handler whose setup fails.

import { defineHandler } from '../../../src/index.ts';

export default defineHandler(() => undefined, {
  setup() {
    throw Object.assign(new Error('no database'), { code: 'ERR_DATABASE' });
  },
});
